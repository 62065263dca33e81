"""Where an archive lies: what a person should know about the disk before trusting it."""

from __future__ import annotations

import os
from pathlib import Path

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "davfs"})
_ENCRYPTED = frozenset({"ecryptfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs"})
_SYNCED = ("dropbox", "onedrive", "google drive", "icloud", "nextcloud", "owncloud", "yandex.disk")
_SYNC_MARKS = (".stfolder", ".sync", ".dropbox.cache", ".owncloudsync.log")


def warnings(folder: Path, mounts: str | None = None, sysfs: Path = Path("/sys")) -> list[str]:
    """Sentences about the place of an archive; empty when nothing speaks against it.

    Args:
        folder: the archive, or the folder it will be made in.
        mounts: text of `/proc/self/mounts`; read from there by default.
        sysfs: where block devices describe themselves.
    """
    folder = folder.resolve()
    found = []
    if _synced(folder):
        found.append(
            "This folder is copied to other machines by a sync program; "
            "put the archive outside of it."
        )
    if mounts is None:
        mounts = _read_mounts()
    kind = _file_system(folder, mounts)
    if kind in _NETWORK:
        found.append(
            f"This is a network share ({kind}): databases break there and others can read it; "
            "use a disk of this machine."
        )
    elif kind not in _ENCRYPTED and not _encrypted_device(folder, sysfs):
        found.append(
            "The disk does not look encrypted: whoever takes this machine can see the videos. "
            "Protected values stay sealed."
            if mounts
            else "Whether the disk is encrypted cannot be told on this system; make sure it is."
        )
    return found


def _synced(folder: Path) -> bool:
    for each in (folder, *folder.parents):
        if any(mark in each.name.lower() for mark in _SYNCED):
            return True
        if any((each / mark).exists() for mark in _SYNC_MARKS):
            return True
    return False


def _read_mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text(errors="replace")
    except OSError:
        return ""


def _file_system(folder: Path, mounts: str) -> str:
    best, kind = -1, ""
    for line in mounts.splitlines():
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = Path(parts[1].replace("\\040", " "))
        if (folder == point or point in folder.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), parts[2]
    return kind


def _encrypted_device(folder: Path, sysfs: Path) -> bool:
    """Whether the block device, or one it is built on, is a dm-crypt device."""
    while not folder.exists():
        folder = folder.parent
    number = folder.stat().st_dev
    device = sysfs / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    waiting = [device]
    while waiting:
        each = waiting.pop()
        try:
            if (each / "dm" / "uuid").read_text().startswith("CRYPT-"):
                return True
        except OSError:
            pass
        slaves = each / "slaves"
        waiting += list(slaves.iterdir()) if slaves.is_dir() else []
    return False
