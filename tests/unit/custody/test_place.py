"""What is said about the disk under an archive."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from witnessmark.custody.place import warnings


def device(sysfs: Path, folder: Path, uuid: str) -> None:
    number = folder.stat().st_dev
    block = sysfs / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    (block / "dm").mkdir(parents=True)
    (block / "dm" / "uuid").write_text(uuid)


def test_an_encrypted_disk_is_fine(tmp_path: Path) -> None:
    device(tmp_path / "sys", tmp_path, "CRYPT-LUKS2-0123-home")
    assert warnings(tmp_path, "/dev/x / ext4 rw 0 0\n", tmp_path / "sys") == []


def test_a_volume_on_an_encrypted_disk_is_fine(tmp_path: Path) -> None:
    device(tmp_path / "sys", tmp_path, "LVM-abc")
    number = tmp_path.stat().st_dev
    block = tmp_path / "sys" / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    (block / "slaves" / "dm-0" / "dm").mkdir(parents=True)
    (block / "slaves" / "dm-0" / "dm" / "uuid").write_text("CRYPT-LUKS2-x")
    assert warnings(tmp_path, "/dev/x / ext4 rw 0 0\n", tmp_path / "sys") == []


def test_a_plain_disk_is_said(tmp_path: Path) -> None:
    found = warnings(tmp_path, "/dev/x / ext4 rw 0 0\n", tmp_path / "sys")
    assert len(found) == 1
    assert "does not look encrypted" in found[0]


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_share_is_said(tmp_path: Path, kind: str) -> None:
    mounts = f"/dev/x / ext4 rw 0 0\nhost:/x {tmp_path} {kind} rw 0 0\n"
    assert any("network share" in each for each in warnings(tmp_path, mounts, tmp_path / "sys"))


def test_a_sync_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "Dropbox" / "case").mkdir(parents=True)
    found = warnings(tmp_path / "Dropbox" / "case", "/dev/x / ext4 rw 0 0\n", tmp_path / "sys")
    assert any("sync program" in each for each in found)
    (tmp_path / ".stfolder").mkdir()
    (tmp_path / "case").mkdir()
    found = warnings(tmp_path / "case", "/dev/x / ext4 rw 0 0\n", tmp_path / "sys")
    assert any("sync program" in each for each in found)


def test_a_system_without_mounts_says_that_it_cannot_tell(tmp_path: Path) -> None:
    assert "cannot be told" in warnings(tmp_path, "", tmp_path / "sys")[0]
