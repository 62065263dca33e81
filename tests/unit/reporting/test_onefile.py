"""The strict ZIP of a package: every reader sees the same, also beyond 4 GiB."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.unit.checker.subject import check
from witnessmark.reporting import onefile
from witnessmark.reporting.onefile import Member


def members(folder: Path, files: dict[str, bytes]) -> dict[str, Member]:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return {name: Member(len(data), zlib.crc32(data)) for name, data in files.items()}


def test_others_read_the_same(tmp_path: Path) -> None:
    files = {"b/c": b"second", "a": b"", "b/a": b"first" * 999}
    path = tmp_path / "p.zip"
    with open(path, "wb") as out:
        onefile.write(out, tmp_path, members(tmp_path, files))
    with zipfile.ZipFile(path) as others:
        assert others.testzip() is None
        assert {name: others.read(name) for name in others.namelist()} == files
    strict = check.read_zip(str(path))
    assert list(strict) == sorted(files)
    data = path.read_bytes()
    assert {n: data[m.start : m.start + m.size] for n, m in strict.items()} == files


@pytest.mark.parametrize("size", [(1 << 32) - 2, (1 << 32) - 1, 5 << 30])
def test_large_files_and_places(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a number begins to need a ZIP64 field, and far beyond; the large file is a hole."""
    small = members(tmp_path, {"a": b"before", "c": b"after"})
    copy = onefile._copy

    def leaving_a_hole(source: Path, out: BinaryIO) -> int:
        return copy(source, out) if source.name != "b" else out.seek(size, 1) and size

    monkeypatch.setattr(onefile, "_copy", leaving_a_hole)
    path = tmp_path / "p.zip"
    with open(path, "wb") as out:
        onefile.write(out, tmp_path, {**small, "b": Member(size, 0)})
    found = check.read_zip(str(path))
    assert {name: member.size for name, member in found.items()} == {"a": 6, "b": size, "c": 5}
    with open(path, "rb") as file:
        file.seek(found["c"].start)
        assert file.read(5) == b"after"
    with zipfile.ZipFile(path) as others:
        assert others.getinfo("b").file_size == size
        assert others.read("c") == b"after"


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    known = members(tmp_path, {"a": b"before"})
    (tmp_path / "a").write_bytes(b"longer than before")
    with pytest.raises(ValueError, match="changed"):
        onefile.write(io.BytesIO(), tmp_path, known)


def test_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 65,534 files need a ZIP64 end."""
    monkeypatch.setattr(onefile, "_copy", lambda *_: 0)
    path = tmp_path / "p.zip"
    with open(path, "wb") as out:
        onefile.write(out, tmp_path, {f"f/{n:05d}": Member(0, 0) for n in range(65_536)})
    assert len(check.read_zip(str(path))) == 65_536
