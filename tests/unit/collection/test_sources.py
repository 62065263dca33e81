"""All sources come through one door, and none is lost on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

import witnessmark.collection
from witnessmark.archive.collecting import choose, collectors
from witnessmark.errors import BadInput


def test_every_file_with_a_collector_is_a_source() -> None:
    folder = Path(witnessmark.collection.__file__).parent
    door = "    def recognises(self"
    files = {path.stem for path in folder.glob("*.py") if door in path.read_text("utf-8")}
    assert {type(each).__module__.rpartition(".")[2] for each in collectors().values()} == files
    assert all(name == each.name for name, each in collectors().items())


def test_nobody_takes_what_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "none.txt").write_bytes(b"")
    for name, each in collectors().items():
        assert not each.recognises(str(tmp_path / "missing")), name
        assert not each.recognises(str(tmp_path / "none.txt")), name
        assert each.recognises(str(tmp_path / "empty")) == (name == "folder"), name
    assert choose(str(tmp_path / "empty")).name == "folder"
    with pytest.raises(BadInput) as caught:
        choose(str(tmp_path / "missing"))
    assert caught.value.todo
