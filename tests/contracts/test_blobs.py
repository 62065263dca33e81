"""What every `Blobs` must do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.memory import MemoryBlobs
from witnessmark.errors import NotFound, StoreFailure
from witnessmark.ports import Blobs
from witnessmark.stores.blobs import FileBlobs

MISSING = "0" * 64


@pytest.fixture(params=["memory", "files"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    makers: dict[str, Callable[[], Blobs]] = {
        "memory": MemoryBlobs,
        "files": lambda: FileBlobs(tmp_path / "objects"),
    }
    return makers[request.param]()


def content(blobs: Blobs, name: str) -> bytes:
    with blobs.open(name) as file:
        return file.read()


def test_put_names_bytes_by_their_sha256(blobs: Blobs) -> None:
    stored = blobs.put(BytesIO(b"some bytes"))
    assert stored.sha256 == hashlib.sha256(b"some bytes").hexdigest()
    assert (stored.size, stored.new) == (10, True)
    assert content(blobs, stored.sha256) == b"some bytes"
    assert blobs.size(stored.sha256) == 10
    assert blobs.has(stored.sha256)


def test_the_same_bytes_are_kept_once(blobs: Blobs) -> None:
    first = blobs.put(BytesIO(b"twice"))
    again = blobs.put(BytesIO(b"twice"))
    assert first.new
    assert not again.new
    assert list(blobs.names()) == [first.sha256]


def test_nothing_is_a_blob_too(blobs: Blobs) -> None:
    assert blobs.put(BytesIO(b"")).size == 0


def test_what_is_not_there_is_said(blobs: Blobs) -> None:
    assert not blobs.has(MISSING)
    with pytest.raises(NotFound):
        blobs.open(MISSING)
    with pytest.raises(NotFound):
        blobs.size(MISSING)


def test_a_source_that_breaks_off_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    class Broken(BytesIO):
        def readinto(self, buffer: object) -> int:
            raise OSError(5, "Input/output error")

        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises((OSError, StoreFailure)):
        blobs.put(Broken(b"x" * 10))
    assert list(blobs.names()) == []
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@settings(deadline=None)  # real files: their time is the disk's
@given(st.lists(st.binary(max_size=2000), max_size=6))
def test_all_that_went_in_comes_out(parts: list[bytes]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for blobs in (MemoryBlobs(), FileBlobs(Path(folder) / "objects")):
            names = {blobs.put(BytesIO(part)).sha256: part for part in parts}
            assert set(blobs.names()) == set(names)
            assert all(content(blobs, name) == part for name, part in names.items())


def test_without_a_reserve_the_last_byte_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: (1000, 999, 1))
    assert FileBlobs(tmp_path / "objects").put(BytesIO(b"x")).new


def test_the_reserve_is_kept(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "objects", reserve=1 << 60)
    with pytest.raises(StoreFailure) as caught:
        blobs.put(BytesIO(b"no room"))
    assert caught.value.code == "disk_reserve"
    assert list(blobs.names()) == []


def test_blobs_are_read_only_and_leftovers_are_swept(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "objects")
    stored = blobs.put(BytesIO(b"kept"))
    assert blobs.path(stored.sha256).stat().st_mode & 0o222 == 0
    (tmp_path / "objects" / "incoming" / "1-left").write_bytes(b"half")
    assert blobs.sweep() == 1
    assert list(blobs.names()) == [stored.sha256]


def test_a_damaged_blob_is_mended_by_the_same_bytes(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "objects")
    stored = blobs.put(BytesIO(b"kept"))
    path = blobs.path(stored.sha256)
    path.chmod(0o644)
    path.write_bytes(b"lost")
    assert not blobs.put(BytesIO(b"kept")).new
    assert content(blobs, stored.sha256) == b"kept"


def test_what_a_desktop_leaves_is_no_blob(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "objects")
    stored = blobs.put(BytesIO(b"kept"))
    (blobs.path(stored.sha256).parent / ".DS_Store").write_bytes(b"x")
    assert list(blobs.names()) == [stored.sha256]
    assert blobs.strangers() == [f"{stored.sha256[:2]}/.DS_Store"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 63, "A" * 64, ""])
def test_only_hashes_become_paths(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound):
        FileBlobs(tmp_path / "objects").path(name)
