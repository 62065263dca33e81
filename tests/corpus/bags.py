"""The bag around the payload: names, kinds of files, manifests, hashes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from support.forge import package as b
from support.forge.package import Files, Package
from tests.corpus.case import (
    OBJECT,
    TILE,
    VIDEO,
    attack,
    drop,
    files_attack,
    flip,
    put,
    replace,
    swap_lines,
)

# not_a_package, bag_declaration, path, file_kind


@attack("not_a_package")
def empty_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


@attack("not_a_package")
def one_folder_deeper(folder: Path) -> Path:
    Package().write(folder / "inner")
    return folder


@attack("not_a_package")
def packed_file(folder: Path) -> Path:
    folder.with_suffix(".zip").write_bytes(b"PK")
    return folder.with_suffix(".zip")


@attack("not_a_package", folder_only=True)
def nothing_there(folder: Path) -> Path:
    return folder


@attack("file_kind", folder_only=True)
def link_out(folder: Path) -> Path:
    Package().write(folder)
    (folder / OBJECT).unlink()
    (folder / OBJECT).symlink_to(__file__)
    return folder


@attack("file_kind", folder_only=True)
def linked_folder(folder: Path) -> Path:
    Package().write(folder)
    (folder / "data/attachments").rename(folder.parent / "elsewhere")
    (folder / "data/attachments").symlink_to(folder.parent / "elsewhere")
    return folder


@attack("file_kind", folder_only=True)
def pipe(folder: Path) -> Path:
    Package().write(folder)
    (folder / OBJECT).unlink()
    os.mkfifo(folder / OBJECT)
    return folder


@attack("bag_declaration", folder_only=True)
def declaration_is_a_folder(folder: Path) -> Path:
    Package().write(folder)
    (folder / "bagit.txt").unlink()
    (folder / "bagit.txt").mkdir()
    return folder


@attack("undeclared_file", folder_only=True)
def unknown_folder(folder: Path) -> Path:
    Package().write(folder)
    (folder / "data" / "notes").mkdir()
    return folder


files_attack("not_a_package", "no_declaration", drop("bagit.txt"), "files")
files_attack(
    "bag_declaration",
    "crlf_declaration",
    replace("bagit.txt", b"\n", b"\r\n"),
    "tags",
)
files_attack("path", "unicode_name", put("data/objects/\u00e9", b""), "files")
files_attack("path", "bidi_name", put("data/\u202etxt.exe", b""), "files")
files_attack("path", "name_that_is_not_utf8", put("data/\udcff", b""), "files")
files_attack(
    "path", "manifest_climbs_out", replace(b.PAYLOAD_MANIFEST, b"data/obj", b"data/../obj"), "tags"
)
files_attack(
    "path", "manifest_absolute", replace(b.PAYLOAD_MANIFEST, b"  data/", b"  /data/"), "tags"
)

# manifest_syntax, undeclared_file, missing_file, hashes, oxum

files_attack("manifest_syntax", "unsorted_manifest", swap_lines(b.PAYLOAD_MANIFEST), "tags")
files_attack("manifest_syntax", "one_space", replace(b.TAG_MANIFEST, b"  ", b" "), "tag_manifest")
files_attack("manifest_syntax", "crlf", replace(b.TAG_MANIFEST, b"\n", b"\r\n"), "tag_manifest")
files_attack(
    "manifest_syntax",
    "line_without_end",
    lambda files: files.update({b.TAG_MANIFEST: files[b.TAG_MANIFEST][:-1]}),
    "tag_manifest",
)
files_attack(
    "manifest_syntax",
    "line_twice",
    lambda files: files.update(
        {b.PAYLOAD_MANIFEST: files[b.PAYLOAD_MANIFEST].splitlines(True)[0] * 2}
    ),
    "tags",
)


def not_its_to_list(manifest: str, *more: str) -> Callable[[Files], None]:
    """A manifest that is right and in order, and lists files of another."""

    def bend(files: Files) -> None:
        listed = [line.split("  ")[1] for line in files[manifest].decode().splitlines()]
        files[manifest] = b.manifest(files, [*listed, *more])

    return bend


for number, (name, more) in enumerate(
    [(b.TAG_MANIFEST, OBJECT), (b.TAG_MANIFEST, b.TAG_MANIFEST), (b.PAYLOAD_MANIFEST, "README.txt")]
):
    stage = "tags" if name == b.PAYLOAD_MANIFEST else "tag_manifest"
    bend = not_its_to_list(name, more)
    files_attack("manifest_syntax", f"not_its_to_list_{number}", bend, stage)
files_attack("undeclared_file", "fetch", put("fetch.txt", b""), "tags")
files_attack("undeclared_file", "md5_manifest", put("manifest-md5.txt", b""), "tags")
files_attack("undeclared_file", "extra_object", put("data/objects/" + "0" * 64, b""), "files")
files_attack("undeclared_file", "case_twin", put("readme.txt", b""), "tags")
files_attack("undeclared_file", "tile_without_a_place", put("data/record/tile/0/a", b""), "payload")
files_attack("missing_file", "removed_object", drop(OBJECT), "files")
files_attack("missing_file", "no_tag_manifest", drop(b.TAG_MANIFEST), "files")
files_attack("missing_file", "no_seal", drop(b.SEAL), "files")
files_attack("missing_file", "no_readme", drop("README.txt"), "tags")
files_attack("missing_file", "no_record", drop(b.ENTRIES), "payload")
files_attack("payload_hash", "one_byte_of_an_original", flip(OBJECT, 700), "files")
files_attack("payload_hash", "one_byte_of_an_entry", flip(b.ENTRIES, 2000), "files")
files_attack("payload_hash", "one_byte_of_a_tile", flip(TILE, 40), "files")
files_attack(
    "payload_hash",
    "appended_to_an_original",
    lambda files: files.update({OBJECT: VIDEO + b"\0\0\0\x08free"}),
    "files",
)
files_attack("payload_hash", "false_manifest", flip(b.PAYLOAD_MANIFEST, 3), "tags")
files_attack("tag_hash", "one_byte_of_a_readme", flip("README.txt", 3), "files")
files_attack("tag_hash", "one_byte_of_a_checker", flip("check.py", 3), "files")
for name, new in {
    "wrong_oxum": b"Payload-Oxum: 1",
    "no_oxum": b"Other: ",
    "two_oxums": b"Payload-Oxum: 1.1\nPayload-Oxum: ",
}.items():
    files_attack("oxum", name, replace("bag-info.txt", b"Payload-Oxum: ", new), "tags")


@attack("tagmanifest")
def all_manifests_again(folder: Path) -> Path:
    """An original is edited and named anew, and every manifest computed again."""
    real, false = Package(), Package()
    real_seal = real.files()[b.SEAL]
    false.objects = [VIDEO + b"!", b.THUMBNAIL]
    false.bend_files = put(b.SEAL, real_seal)
    return false.write(folder)


def swapped(files: Files) -> None:
    other = f"data/objects/{b.sha256(b.THUMBNAIL)}"
    files[OBJECT], files[other] = files[other], files[OBJECT]


@attack("tagmanifest")
def removed_with_its_line(folder: Path) -> Path:
    """An original and its line are gone, and every manifest was computed again."""
    false = Package(objects=[b.THUMBNAIL])
    false.bend_files = put(b.SEAL, Package().files()[b.SEAL])
    return false.write(folder)


def md5_only(files: Files) -> None:
    del files[b.PAYLOAD_MANIFEST], files[b.TAG_MANIFEST]
    payload = sorted(name for name in files if name.startswith("data/"))
    lines = [f"{hashlib.md5(files[name]).hexdigest()}  {name}\n" for name in payload]
    files["manifest-md5.txt"] = "".join(lines).encode()


files_attack("payload_hash", "objects_swapped", swapped, "files")
files_attack("undeclared_file", "md5_only", md5_only, "files")
files_attack("undeclared_file", "unlisted_tag_file", put("letter.txt", b"Trust us."), "files")
DECLARED = replace("bagit.txt", b"1.0\n", b"1.0 \n")
files_attack("bag_declaration", "declaration_with_a_space", DECLARED, "tags")
