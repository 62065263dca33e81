from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from witnessmark.collection import files
from witnessmark.collection.files import UnusableError, inside, look, open_inside
from witnessmark.collection.folder import Folder
from witnessmark.errors import BadInput
from witnessmark.model.json import name_from_json
from witnessmark.ports import Item, Unreadable

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


def collect(where: Path) -> list[Item]:
    return list(Folder().items(str(where)))


def only(where: Path) -> Item:
    (item,) = collect(where)
    return item


def read(item: Item) -> bytes:
    assert item.open is not None
    with item.open() as file:
        return file.read()


def failure(item: Item) -> str:
    with pytest.raises(Unreadable) as caught:
        read(item)
    return caught.value.reason


def test_a_file_becomes_an_item(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "clip.mp4"
    path.write_bytes(b"moving")
    os.utime(path, ns=(0, 1_600_000_000_123_456_789))
    item = only(tmp_path)
    found = path.stat()
    assert item.place == ("folder", str(tmp_path), "sub/clip.mp4")
    assert item.protected == {"name": "clip.mp4", "where": "sub/clip.mp4"}
    assert item.unchanged == f"6:1600000000123456789:{found.st_ctime_ns}:{found.st_ino}"
    (date,) = item.dates
    assert (date.what, date.at, date.grade, date.bounds_media) == (
        "file_modified",
        "2020-09-13T12:26:40.123456Z",
        "stated",
        False,
    )
    assert read(item) == b"moving"


def test_order_is_that_of_the_bytes_and_stable(tmp_path: Path) -> None:
    for name in ("b", "a/z", "a/b/c", "\u00e4", "B", "a.x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    found = [item.protected["where"] for item in collect(tmp_path)]
    assert found == ["B", "a/b/c", "a/z", "a.x", "b", "\u00e4"]
    assert found == [item.protected["where"] for item in collect(tmp_path)]


@posix
@pytest.mark.parametrize("name", [b"two\nlines.mp4", "\u202egpj.mp4".encode(), b"latin-\xe9.mp4"])
def test_names_are_kept_byte_for_byte(tmp_path: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    item = only(tmp_path)
    assert name_from_json(item.protected["name"]) == name
    assert name_from_json(item.place[2]) == name
    assert read(item) == b"x"


def test_zero_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert failure(only(tmp_path)) == "zero_bytes"


def reading(item: Item, during: Callable[[], object]) -> None:
    assert item.open is not None
    with item.open() as file:
        file.read()
        during()


def append(path: Path) -> None:
    with path.open("ab") as writer:
        writer.write(b"more")


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "growing.mp4"
    path.write_bytes(b"x" * 10)
    item = only(tmp_path)
    for change in (lambda: append(path), lambda: os.utime(path, ns=(0, 5))):
        with pytest.raises(Unreadable, match="still_being_written"):
            reading(item, change)


def test_a_fresh_file_is_looked_at_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fresh.mp4"
    path.write_bytes(b"x")

    monkeypatch.setattr("time.sleep", lambda _: append(path))
    assert failure(only(tmp_path)) == "still_being_written"
    os.utime(path, (1, 1))
    assert read(only(tmp_path)) == b"xmore"


def test_an_error_of_the_reader_is_not_hidden(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")

    def fail() -> None:
        append(path)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        reading(only(tmp_path), fail)


def test_a_file_that_vanished(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    item = only(tmp_path)
    path.unlink()
    assert failure(item) == "vanished"


@posix
def test_links_are_quarantined_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not yours")
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "real" / "clip.mp4").write_bytes(b"x")
    (root / "a").symlink_to(tmp_path / "secret")
    (root / "b").symlink_to(tmp_path)
    (root / "c").symlink_to("real/clip.mp4")
    (root / "d").symlink_to("nowhere")
    (root / "e").symlink_to("e")
    found = {item.protected["name"]: (item.outcome, item.reason) for item in collect(root)}
    assert found == {
        "a": ("quarantined", "symlink_outside"),
        "b": ("quarantined", "symlink_outside"),
        "c": ("quarantined", "symlink"),
        "d": ("quarantined", "symlink"),
        "e": ("quarantined", "symlink"),
        "clip.mp4": ("", ""),
    }


@posix
def test_a_link_put_there_after_the_look_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "clip.mp4").write_bytes(b"not yours")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    clip = root / "sub" / "clip.mp4"
    clip.write_bytes(b"x")
    item = only(root)
    clip.unlink()
    clip.symlink_to(tmp_path / "secret" / "clip.mp4")
    assert failure(item) == "symlink"
    clip.unlink()
    (root / "sub").rmdir()
    (root / "sub").symlink_to(tmp_path / "secret")
    assert failure(item) in ("symlink", "vanished")


@posix
def test_special_files_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener, tempfile.TemporaryDirectory() as short:
        listener.bind(f"{short}/s")
        os.rename(f"{short}/s", tmp_path / "socket")
        reasons = {(item.outcome, item.reason) for item in collect(tmp_path)}
    assert reasons == {("quarantined", "special_file")}
    with pytest.raises(Unreadable, match="special_file"), open_inside(tmp_path, ("pipe",)):
        pass


def test_read_errors_are_the_sources(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    descriptor = os.open(path, os.O_WRONLY)  # the kernel refuses to read from it
    with files._Source(descriptor) as source:
        with pytest.raises(Unreadable, match="unreadable"):
            source.readinto(memoryview(bytearray(4)))
        with pytest.raises(Unreadable, match="unreadable"):
            source.readall()


_AS_NOBODY = """
import os, sys
from witnessmark.collection.folder import Folder
os.seteuid(65534)
for item in Folder().items(sys.argv[1]):
    reason = item.reason
    if item.open:
        try:
            with item.open() as file:
                file.read()
        except Exception as error:
            reason = error.reason
    print(item.protected["where"], item.outcome, reason)
print(Folder().preflight(sys.argv[1]).notes["unreadable_folders"])
"""


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to drop")
def test_permissions() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "locked.mp4").write_bytes(b"x")
        (root / "locked.mp4").chmod(0)
        (root / "shut").mkdir(mode=0)
        command = [sys.executable, "-c", _AS_NOBODY, folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["locked.mp4  unreadable", "shut failed unreadable_folder"]
    assert lines[2].startswith("1 folders inside cannot be read")


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").mkdir()
    real = files._scan
    calls = iter((real, None))

    def scan(folder: Path | int) -> object:
        if (step := next(calls)) is None:
            raise PermissionError(13, "no")
        return step(folder)

    monkeypatch.setattr(files, "_scan", scan)
    found = [(item.protected["where"], item.outcome, item.reason) for item in collect(tmp_path)]
    assert found == [("a", "", ""), ("b", "failed", "unreadable_folder")]


def test_deeper_than_calls_can_go(tmp_path: Path) -> None:
    folders = [tmp_path]
    for _ in range(1_100):
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    clip = folders[-1] / "clip.mp4"
    clip.write_bytes(b"x")
    assert read(only(tmp_path)) == b"x"
    clip.unlink()
    for folder in reversed(folders[1:]):  # deeper than pytest's own clean-up can go
        folder.rmdir()


def test_preflight(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"123")
    found = Folder().preflight(str(tmp_path))
    assert (found.items, found.bytes, dict(found.notes)) == (2, 8, {})


@pytest.mark.parametrize("name", ["", "file", "missing"])
def test_nothing_to_collect(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    where = str(tmp_path / (name or "empty"))
    assert Folder().recognises(where) is (name == "")
    with pytest.raises(BadInput) as caught:
        Folder().preflight(where)
    assert caught.value.todo


@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/passwd", "a/../../secret", "C:\\secret", "\\\\host\\share", "..", "C:x"],
)
def test_names_never_leave_the_tree(name: str) -> None:
    with pytest.raises(UnusableError) as caught:
        inside(name)
    assert (caught.value.outcome, caught.value.reason) == ("quarantined", "path_outside")


def test_names_that_stay_inside() -> None:
    assert inside("a/./b//c") == ("a", "b", "c")
    assert inside("../../a/b", ("x", "y")) == ("a", "b")
    for name in ("", "a\0b"):
        with pytest.raises(UnusableError, match="bad_name"):
            inside(name)


def refusals(root: Path) -> Iterator[tuple[str, str]]:
    for name in ("missing", "file/inner", "folder", "\ud800", "n" * 300):
        with pytest.raises(UnusableError) as caught:
            look(root, tuple(name.split("/")))
        yield caught.value.outcome, caught.value.reason
    with pytest.raises(UnusableError) as caught:
        look(root, ())
    yield caught.value.outcome, caught.value.reason


def test_what_look_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    assert list(refusals(tmp_path)) == [
        ("not_included", "missing_on_disk"),
        ("not_included", "missing_on_disk"),
        ("quarantined", "special_file"),
        ("quarantined", "bad_name"),
        ("not_included", "missing_on_disk"),
        ("quarantined", "special_file"),
    ]


@posix
def test_without_openat_links_are_still_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_RELATIVE", False)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "clip.mp4").write_bytes(b"x")
    item = only(tmp_path)
    assert read(item) == b"x"
    (tmp_path / "sub").rename(tmp_path / "moved")
    (tmp_path / "sub").symlink_to("moved")
    assert failure(item) == "symlink"
