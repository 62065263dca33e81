"""A package as one ZIP: everything that two readers could see differently."""

from __future__ import annotations

import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.forge import zips
from support.forge.package import Package
from support.forge.zips import Ending, Item
from tests.corpus.case import (
    ARCHIVE_KEY,
    OBJECT,
    VIDEO,
    Case,
    add,
    attack,
    member,
    register,
    zipped,
)


def zip_attack(
    code: str, name: str, bend: Callable[[list[Item]], object] = id, **more: Any
) -> None:
    register(name, code, zipped(bend, **more))


def change(name: str, **values: object) -> Callable[[list[Item]], None]:
    """One member is another than it should be."""

    def bend(members: list[Item]) -> None:
        for attribute, value in values.items():
            setattr(member(members, name), attribute, value)

    return bend


def extra(name: bytes, data: bytes = b"?") -> Callable[[list[Item]], None]:
    return lambda members: members.append(Item(name, data))


for title, name in {
    "zip_slip": b"../evil",
    "zip_absolute": b"/etc/evil",
    "zip_dot_dot": b"data/../README.txt",
    "zip_backslash": b"data\\evil",
    "zip_drive": b"C:evil",
    "zip_unc": b"//server/share",
    "zip_bidi": "data/\u202etxt.exe".encode(),
    "zip_zero_width": "data/a\u200bb".encode(),
    "zip_nfc": "data/\u00e9".encode(),
    "zip_nfd": "data/e\u0301".encode(),
    "zip_not_utf8": b"data/\xff",
    "zip_nul": b"data/a\0b",
    "zip_no_name": b"",
    "zip_folder_member": b"data/",
}.items():
    zip_attack("path", title, extra(name))
zip_attack("undeclared_file", "zip_reserved_name", extra(b"data/NUL"))
zip_attack("undeclared_file", "zip_case_twin", extra(b"readme.txt"))
zip_attack("undeclared_file", "zip_fetch", extra(b"fetch.txt"))
zip_attack("zip", "zip_duplicate", extra(OBJECT.encode(), b"another video"))
zip_attack("zip", "zip_symlink", change(OBJECT, mode=stat.S_IFLNK | 0o777))
zip_attack("zip", "zip_device", change(OBJECT, mode=stat.S_IFCHR | 0o600))
zip_attack("zip", "zip_folder_mode", change(OBJECT, mode=stat.S_IFDIR | 0o755))
zip_attack("zip", "zip_deflated", change(OBJECT, method=8))
zip_attack("zip", "zip_bomb", change(OBJECT, method=8, local_size=1 << 31))
zip_attack("zip", "zip_encrypted_member", change(OBJECT, flags=1))
zip_attack("zip", "zip_sizes_later", change(OBJECT, flags=8))
zip_attack("zip", "zip_two_names", change(OBJECT, local_name=b"x" * len(OBJECT)))
zip_attack("zip", "zip_two_sizes", change(OBJECT, local_size=len(VIDEO) - 1))
zip_attack("zip", "zip_gap", change(OBJECT, before=b"hidden"))
zip_attack("zip", "zip_extra_field", change(OBJECT, extra=struct.pack("<HHL", 0x5455, 4, 0)))
zip_attack("zip", "zip_comment", ending=Ending(comment=b"hidden"))
zip_attack("zip", "zip_comment_that_is_not_there", ending=Ending(comment_size=1))
zip_attack("zip", "zip_of_two_disks", ending=Ending(disks=1))
zip_attack("zip", "zip_count_too_high", ending=Ending(count=99))
zip_attack("zip", "zip_count_too_low", ending=Ending(count=3))
zip_attack("zip", "zip_directory_elsewhere", ending=Ending(moved=-1))
zip_attack("zip", "zip_directory_padded", padding=b"hidden")
zip_attack("zip", "zip_entry_comment", change(OBJECT, comment=b"hidden"))
zip_attack("zip", "zip_other_packed_size", change(OBJECT, packed=1))
zip_attack("zip", "zip_file_beyond_the_end", change(OBJECT, size=1 << 30))
WIDE = struct.pack("<HH", 1, 16)
zip_attack("zip", "zip64_by_another_name", change(OBJECT, wide=struct.pack("<HH", 9, 16)))
zip_attack("zip", "zip64_with_more", change(OBJECT, wide=WIDE + b"hidden"))
zip_attack("zip", "zip64_end_malformed", ending=Ending(wide=True, wide_size=45))
zip_attack("zip", "zip64_end_missing", ending=Ending(wide=True, wide_mark=b"PK\x06\x09"))
add(Case("zip64", "holds", zipped(change(OBJECT, wide=WIDE)), trust=(ARCHIVE_KEY,)))
add(Case("zip64_end", "holds", zipped(ending=Ending(wide=True)), trust=(ARCHIVE_KEY,)))
zip_attack("zip", "zip_tail", tail=b"hidden")
zip_attack("zip", "zip_prefix", prefix=b"PK\x03\x04 and a program in front")
zip_attack("zip", "zip_order", backwards=True)
zip_attack("not_a_package", "zip_other_prefix", prefix=b"MZ a program in front")
zip_attack("payload_hash", "zip_one_byte", change(OBJECT, data=VIDEO[:-1] + bytes([VIDEO[-1] ^ 1])))
zip_attack("missing_file", "zip_removed", lambda m: m.remove(member(m, OBJECT)))


@attack("not_a_package")
def zip_with_a_folder(folder: Path) -> Path:
    files = {f"package/{name}": data for name, data in Package().files().items()}
    return zips.write(folder.with_suffix(".zip"), zips.items(files))


@attack("zip")
def zip_cut_short(folder: Path) -> Path:
    path = zipped()(folder)
    path.write_bytes(path.read_bytes()[:-700])
    return path


@attack("zip")
def zip_half(folder: Path) -> Path:
    """A stick that was pulled out."""
    path = zipped()(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@attack("not_a_package")
def zip_empty(folder: Path) -> Path:
    return zips.write(folder.with_suffix(".zip"), [])


@attack("zip")
def zip_too_short(folder: Path) -> Path:
    folder.with_suffix(".zip").write_bytes(b"PK\x05\x06")
    return folder.with_suffix(".zip")


@attack("zip")
def zip64_too_short(folder: Path) -> Path:
    folder.with_suffix(".zip").write_bytes(Ending(wide=True).write(0, 0, 0)[-22:])
    return folder.with_suffix(".zip")
