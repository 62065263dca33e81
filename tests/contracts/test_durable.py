"""Files that are never put in the place of another."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.integration.test_sticks import Stick, new_stick  # noqa: F401 - a fixture
from witnessmark.stores.durable import write_new_file


def put_at_once(path: Path, writers: int = 4) -> list[bytes]:
    """Several try to write one file at the same moment; what those wrote who succeeded."""
    start, won = threading.Barrier(writers), []

    def write(number: int) -> None:
        data = bytes([number]) * 5000
        start.wait()
        try:
            write_new_file(path, data)
        except FileExistsError:
            return
        won.append(data)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return won


def test_one_writer_wins_and_is_not_overwritten(tmp_path: Path) -> None:
    for number in range(20):
        path = tmp_path / str(number)
        assert put_at_once(path) == [path.read_bytes()]
    assert len(list(tmp_path.iterdir())) == 20  # nothing else is left


@pytest.mark.parametrize("there", ["file", "folder", "dangling link"])
def test_what_is_there_is_not_touched(tmp_path: Path, there: str) -> None:
    path = tmp_path / "answer"
    match there:
        case "file":
            path.write_bytes(b"of before")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        write_new_file(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["answer"]
    assert there != "file" or path.read_bytes() == b"of before"


def test_on_a_stick_that_knows_no_links(new_stick: object) -> None:  # noqa: F811 - the fixture
    stick: Stick = new_stick(8)  # type: ignore[operator] # a fixture of another module
    path = stick.folder / "answer"
    write_new_file(path, b"new")
    with pytest.raises(FileExistsError):
        write_new_file(path, b"newer")
    assert path.read_bytes() == b"new"
    assert [each.name for each in stick.folder.iterdir()] == ["answer"]
