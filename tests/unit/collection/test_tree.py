from __future__ import annotations

import os
from pathlib import Path

import pytest

from witnessmark.collection import tree
from witnessmark.collection.tree import folder_at, folders, some

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


def test_folders_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/z", "b/a/y", "a.x", "a/x", "c"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = [(each.parts, [name for name, _ in each.files]) for each in folders(tmp_path)]
    assert found == [
        ((), ["a.x", "c"]),
        (("a",), ["x"]),
        (("b",), ["z"]),
        (("b", "a"), ["y"]),
    ]


@posix
def test_links_are_files_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "back").symlink_to(tmp_path)
    found = [(each.parts, [name for name, _ in each.files]) for each in folders(tmp_path)]
    assert found == [((), []), (("inner",), ["back"])]
    assert list(some(tmp_path, ("back",))) == []


def test_a_cheap_look_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in range(5):
        for name in ("a.json", "b.JSON", "c.txt"):
            (tmp_path / str(folder)).mkdir(exist_ok=True)
            (tmp_path / str(folder) / name).touch()
    assert len(list(some(tmp_path, (".json",)))) == 10
    monkeypatch.setattr(tree, "_FILES", 3)
    assert len(list(some(tmp_path, (".json",)))) == 3
    monkeypatch.setattr(tree, "_NAMES", 2)
    assert len(list(some(tmp_path, (".json",)))) == 2
    monkeypatch.setattr(tree, "_FOLDERS", 0)
    assert len(list(some(tmp_path, (".json",)))) == 0


def test_only_a_folder_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert folder_at(str(tmp_path / "x" / "..")) is None
    assert folder_at(f"{tmp_path}/.") == tmp_path
    assert folder_at(str(tmp_path / "file")) is None
