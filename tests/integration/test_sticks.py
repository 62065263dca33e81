"""Backups on sticks: real exFAT where it can be mounted, and a folder that refuses what exFAT does.

exFAT has no links, no permissions, names without regard to case, and takes a name's old file away
before the new one has it. The real one takes root, a loop device, `mkfs.exfat` and `exfat-fuse`.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import SECRET
from tests.integration.test_backup import more
from tests.integration.test_cli import Program, program  # noqa: F401 - a fixture
from tests.integration.test_collecting import collect, folder, holds, size  # noqa: F401 - a fixture
from witnessmark.archive import Archive, auditing, backing_up, checking, restoring
from witnessmark.errors import StoreFailure
from witnessmark.stores import copies


class Stick:
    """An exFAT file system in a file, on a loop device, served by a process of its own."""

    def __init__(self, place: Path, mebibytes: int) -> None:
        self.image, self.folder = place / "stick.img", place / "stick"
        self.folder.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(mebibytes << 20)
        subprocess.run(["mkfs.exfat", str(self.image)], check=True, capture_output=True)
        self.device, self.process = "", None
        self.plug_in()

    def plug_in(self) -> None:
        for left in self.folder.iterdir():  # a program may have gone on below the empty mount point
            shutil.rmtree(left)
        done = subprocess.run(
            ["losetup", "-f", "--show", str(self.image)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"no loop device can be had here: {done.stderr.strip()}")
        self.device = done.stdout.strip()
        self.process = subprocess.Popen(
            ["mount.exfat-fuse", "-d", self.device, str(self.folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(100):
            if os.path.ismount(self.folder):
                return
            time.sleep(0.05)
        self.take_out()
        pytest.skip("exFAT cannot be mounted here (FUSE)")

    def take_out(self, *, at_once: bool = False) -> None:
        """Unmounts it; or as somebody does who pulls it out in the middle."""
        if self.process is None:
            return
        if at_once:
            self.process.kill()
        subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)
        self.process.wait(timeout=30)
        subprocess.run(["losetup", "-d", self.device], check=False, capture_output=True)
        self.process = None


@pytest.fixture
def new_stick(tmp_path: Path) -> Iterator[Callable[[int], Stick]]:
    missing = [name for name in ("mkfs.exfat", "mount.exfat-fuse", "losetup") if not _which(name)]
    if missing:
        pytest.skip(f"{missing[0]} is missing: real exFAT is not tried")
    if os.geteuid() != 0:
        pytest.skip("only root can mount: real exFAT is not tried")
    sticks: list[Stick] = []

    def make(mebibytes: int) -> Stick:
        place = tmp_path / f"usb{len(sticks)}"
        place.mkdir()
        sticks.append(Stick(place, mebibytes))
        return sticks[-1]

    yield make
    for each in sticks:
        each.take_out()


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")


class StandIn:
    """Makes the system calls of this process refuse, below a folder, what exFAT refuses."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:  # noqa: F811 - a folder
        self.folder = folder
        folder.mkdir()
        for name, error in (("link", errno.EPERM), ("symlink", errno.ENOSYS)):
            patch.setattr(os, name, self._refusing(getattr(os, name), error))
        patch.setattr(os, "chmod", self._refusing(os.chmod, errno.EPERM))
        patch.setattr(os, "replace", self._replacing(os.replace, os.unlink))
        patch.setattr(os, "fsync", self._syncing(os.fsync))

    def _here(self, path: object) -> bool:
        return isinstance(path, str | Path) and self.folder in Path(path).absolute().parents

    def _refusing(self, real: Callable[..., None], error: int) -> Callable[..., None]:
        def call(path: object, *rest: object, **options: object) -> None:
            if self._here(path) or (rest and self._here(rest[0])):
                raise OSError(error, os.strerror(error), str(path))
            real(path, *rest, **options)

        return call

    def _replacing(
        self, real: Callable[..., None], unlink: Callable[..., None]
    ) -> Callable[..., None]:
        def call(path: object, target: object) -> None:
            if self._here(target) and os.path.exists(str(target)):
                unlink(target)
            real(path, target)

        return call

    def _syncing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def call(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode) and self._here(
                os.readlink(f"/proc/self/fd/{descriptor}")
            ):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            real(descriptor)

        return call


@pytest.fixture(params=["exfat", "stand-in"])
def stick(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "exfat":
        made: Stick = request.getfixturevalue("new_stick")(32)
        return made.folder
    return StandIn(tmp_path / "stick", monkeypatch).folder


@pytest.fixture
def filled(archive: Archive, folder: Path) -> Archive:  # noqa: F811 - the fixture
    collect(archive, folder)
    return archive


def names_are_legal(place: Path) -> None:
    for each in place.rglob("*"):
        assert not set(each.name) & set('"*/:<>?\\|'), each
        assert len({other.name.lower() for other in each.parent.iterdir()}) == len(
            list(each.parent.iterdir())
        )


def test_the_drill_on_a_stick(filled: Archive, stick: Path, tmp_path: Path) -> None:
    copy = stick / "backup"
    assert backing_up.backup(filled, copy)["copied"] == 3
    collect(filled, more(tmp_path, "more"))
    assert backing_up.backup(filled, copy) == {"copied": 3, "held": 3, "bytes": 9000}
    names_are_legal(stick)
    with Archive.open(copy) as there:  # it is an archive itself, there too
        assert holds(there)
    victim = copy / "objects" / (name := filled.queries.objects()[0].sha256)[:2] / name
    victim.write_bytes(b"rot") if os.access(victim, os.W_OK) else None
    done = auditing.audit(filled)
    assert [each.repaired for each in done.bad] == [True]
    entries = size(filled)
    filled.close()
    shutil.rmtree(filled.folder)
    restoring.restore(copy, filled.folder)
    with Archive.open(filled.folder) as again:
        assert size(again) == entries - 1  # the audit came after the backup
        assert holds(again)
        again.unlock(SECRET)
        assert collect(again, more(tmp_path, "later")).tally.stored == 3
        backing_up.backup(again, stick / "another")


@pytest.mark.parametrize("at", range(4))
def test_cut_off_on_a_stick_and_gone_on_with(
    filled: Archive, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    copy, real, done = stick / "backup", copies.copy, []

    def cut(*arguments: object, **options: object) -> None:
        if len(done) == at:
            raise KeyboardInterrupt
        done.append(arguments)
        real(*arguments, **options)  # type: ignore[arg-type] # handed on as it came

    with monkeypatch.context() as patch:
        patch.setattr(copies, "copy", cut)
        if at < 3:
            with pytest.raises(KeyboardInterrupt):
                backing_up.backup(filled, copy)
    (copy / "objects" / "ab").mkdir(parents=True, exist_ok=True)
    (copy / "objects" / "ab" / f".{'ab' * 32}.999999999").write_bytes(b"half")
    assert backing_up.backup(filled, copy)["held"] == (at if at < 3 else 0)
    assert not list(copy.rglob(".*"))
    restoring.restore(copy, tmp_path / "new")
    with Archive.open(tmp_path / "new") as again:
        assert checking.check(again).problems == []


def test_a_stick_that_is_too_small(
    archive: Archive, tmp_path: Path, new_stick: Callable[[int], Stick]
) -> None:
    source = tmp_path / "large"
    source.mkdir()
    for number in range(12):
        (source / f"{number}.bin").write_bytes(os.urandom(1 << 20))
    collect(archive, source)
    small = new_stick(8)
    with pytest.raises(StoreFailure, match="is full") as caught:
        backing_up.backup(archive, small.folder / "backup")
    assert "goes on" in caught.value.kept
    assert not list((small.folder / "backup").rglob("*.db"))
    for half in (small.folder / "backup" / "objects").rglob(".*"):
        pytest.fail(f"a half copy stayed: {half}")


def test_a_stick_that_is_pulled_out(
    program: Program,  # noqa: F811
    tmp_path: Path,
    new_stick: Callable[[int], Stick],
) -> None:
    """At five moments; what is there is never taken for a backup that it is not."""
    source = tmp_path / "source"
    source.mkdir()
    for number in range(30):
        (source / f"{number}.bin").write_bytes(os.urandom(300_000))
    program("collect", "source")
    usb = new_stick(64)
    target = str(usb.folder / "backup")
    for moment in range(5):
        process = program.start("backup", target)
        time.sleep(0.7 + 0.2 * moment)
        usb.take_out(at_once=True)
        _, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        subprocess.run(["fsck.exfat", "-y", str(usb.image)], check=False, capture_output=True)
        usb.plug_in()
        if (usb.folder / "backup" / "private.db").exists() and not process.returncode:
            break
    program("backup", target)
    usb.take_out()
    usb.plug_in()
    shutil.rmtree(tmp_path / "archive")
    program("restore", target, "archive")
    assert program.json("check")["problems"] == []
    assert program.json("status")["objects"] == 30
