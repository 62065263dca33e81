"""The seal, and what it closes: objects, disclosures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.forge import package as b
from support.forge.package import Files, Package, Record, Seal
from tests.corpus.case import (
    ATTACHMENT,
    OBJECT,
    VIDEO,
    attack,
    files_attack,
    flip,
    put,
    record_attack,
    register,
    replace,
    seal_attack,
)

# seal, inclusion, fork


def change(**parts: Any) -> Callable[[Seal], None]:
    def bend(seal: Seal) -> None:
        for name, value in parts.items():
            setattr(seal, name, value(getattr(seal, name)))

    return bend


for name, old, new in (
    ("header", b"tlog-proof@v1", b"tlog-proof@v2"),
    ("no_extra", b"\nextra ", b"\nextras "),
    ("padded_index", b"\nindex 13", b"\nindex 013"),
    ("no_note", b"\n\n", b"\n"),
    ("extra_not_base64", b"\nextra ", b"\nextra  "),
    ("proof_not_base64", b"\nindex 13\n", b"\nindex 13\nAAAA\n"),
    ("crlf", b"\nindex 13\n", b"\r\nindex 13\r\n"),
    ("large", b"\nindex 13\n", b"\nindex 13\n" + (b"A" * 43 + b"=\n") * 30_000),
):
    files_attack("seal", f"seal_{name}", replace(b.SEAL, old, new), "files")


def extra_attack(name: str, **members: object) -> None:
    """The seal's `extra` holds something else."""

    def bend(files: Files) -> None:
        header, _, rest = files[b.SEAL].split(b"\n", 2)
        extra = b.b64(b.canonical(members)).encode()
        files[b.SEAL] = header + b"\nextra " + extra + b"\n" + rest

    files_attack("seal", f"extra_{name}", bend, "files")


extra_attack("without_entry", consistency=[])
extra_attack("with_more", consistency=[], entry="{}", more=1)
extra_attack("entry_is_no_text", consistency=[], entry={})
extra_attack("consistency_is_no_list", consistency="", entry="{}")
seal_attack("seal", "seal_is_older", change(index=lambda _: 12))
seal_attack("inclusion", "seal_is_beyond", change(index=lambda index: index + 1))
seal_attack("inclusion", "seal_path_short", change(path=lambda path: path[:-1]))
seal_attack("inclusion", "seal_path_long", change(path=lambda path: [*path, bytes(32)]))
seal_attack("inclusion", "seal_path_other", change(path=lambda path: [bytes(32), *path[1:]]))
seal_attack("fork", "no_consistency", change(consistency=lambda _: []))
seal_attack("fork", "consistency_to_spare", change(consistency=lambda p: [*p, bytes(32)]))
seal_attack("fork", "consistency_short", change(consistency=lambda p: p[:-1]))
seal_attack("seal", "short_step", change(consistency=lambda p: [bytes(31)]))
for name, value in {
    "record_size": 12,
    "record_root": "0" * 64,
    "objects": 3,
    "disclosures": 4,
}.items():

    def other_export(folder: Path, name: str = name, value: object = value) -> Path:
        return Package(export={name: value}).write(folder)

    register(f"export_{name}", "seal", other_export)
register(
    "export_tagmanifest",
    "tagmanifest",
    lambda folder: Package(export={"tagmanifest": "0" * 64}).write(folder),
)
register(
    "export_encrypted",
    "field",
    lambda folder: Package(export={"encrypted": "yes"}).write(folder),
)


def resigned(code: str, name: str, base: Callable[[Record], bytes]) -> None:
    """The seal's entry is another one."""
    register(name, code, lambda folder: Package(export_entry=lambda m, _: base(m)).write(folder))


resigned("seal", "seal_is_no_export", lambda made: made.entry("a/1", {}, b.ANNA))
resigned("entry", "seal_entry_malformed", lambda made: b"{}")
register(
    "seal_unsigned",
    "entry_signature",
    lambda folder: Package(export_entry=lambda m, f: m.entry("export.made/1", f)).write(folder),
)
register(
    "seal_by_a_stranger",
    "author",
    lambda folder: Package(export_entry=lambda m, f: m.entry("export.made/1", f, b.STRANGER)).write(
        folder
    ),
)


def forked() -> Record:
    """The same archive, telling another story."""
    made = b.record()
    made.entries[11] = made.entries[11].replace(b"clear", b"cloud")
    return made


register("forked", "fork", lambda folder: Package(sealed_in=forked()).write(folder))


def sealed_elsewhere(folder: Path) -> Path:
    other = b.record()
    other.origin = "witnessmark/0000000000000000"
    return Package(sealed_in=other).write(folder)


register("sealed_elsewhere", "seal", sealed_elsewhere)


def sealed_by_a_stranger(folder: Path) -> Path:
    other = b.record()
    other.archive = b.STRANGER
    return Package(sealed_in=other).write(folder)


register("sealed_by_a_stranger", "unsigned", sealed_by_a_stranger)

# object, disclosure


files_attack(
    "object", "object_nobody_names", put(f"data/objects/{b.sha256(b'?')}", b"?"), "payload"
)
files_attack("object", "object_misnamed_of_right_size", flip(OBJECT), "payload")
files_attack("object", "object_misnamed", put(OBJECT, VIDEO + b"!"), "payload")
files_attack(
    "object", "attachment_nobody_names", put(f"data/attachments/{b.sha256(b'?')}", b"?"), "payload"
)
files_attack("object", "attachment_misnamed", put(ATTACHMENT, b"?"), "payload")
record_attack(
    "object",
    "object_of_two_sizes",
    lambda m: m.add("object.stored/1", b.stored(VIDEO) | {"size": 1}),
)


def disclosing(code: str, name: str, *items: dict[str, object]) -> None:
    register(name, code, lambda folder: Package(disclosures=list(items)).write(folder))


CAPTION = b.disclosure(4, "caption", "the words themselves", 5)
AUTHOR = b.disclosure(4, "author", {"base64": "/w=="}, 6)
disclosing("disclosure", "other_value", CAPTION | {"value": "other words"})
disclosing("disclosure", "other_salt", CAPTION | {"salt": b.b64(bytes(32))})
disclosing("disclosure", "short_salt", CAPTION | {"salt": b.b64(bytes(31))})
disclosing("disclosure", "other_field_name", CAPTION | {"field": "author"})
disclosing("disclosure", "field_not_protected", CAPTION | {"field": "kind"})
disclosing("disclosure", "no_such_entry", CAPTION | {"entry": 99})
disclosing("disclosure", "unsorted_disclosures", CAPTION, AUTHOR)
disclosing("disclosure", "disclosed_twice", CAPTION, CAPTION)
disclosing("disclosure", "member_to_spare", CAPTION | {"more": 1})
disclosing("disclosure", "wrong_kind", CAPTION | {"entry": "4"})
files_attack("disclosure", "not_canonical", replace(b.DISCLOSURES, b":0", b": 0"), "payload")
files_attack("disclosure", "empty_disclosures", put(b.DISCLOSURES, b""), "payload")


@attack("disclosure")
def entry_left_out(folder: Path) -> Path:
    package = Package(included=set(range(13)) - {4}, disclosures=[CAPTION], attachments=[])
    return package.write(folder)


@attack("trust", trust=(b.STRANGER.verifier().encode(),))
def another_archive(folder: Path) -> Path:
    """Right in itself, and of an archive that is not the trusted one."""
    Package().write(folder)
    return folder


def hashed_as_a_node(seal: Seal) -> None:
    """A tree in which the export's leaf was hashed like an inner node."""
    made = b.record()
    leaves = [*made.leaves(), hashlib.sha256(b"\1" + seal.entry).digest()]
    text = f"{b.ORIGIN}\n{len(leaves)}\n{b.b64(b.root(leaves))}\n".encode()
    seal.path, seal.consistency = b.inclusion(13, leaves), b.consistency(13, leaves)
    seal.checkpoint = b.sign_note(text, b.ARCHIVE)


@attack("tagmanifest")
def seal_of_another_package(folder: Path) -> Path:
    """The right archive's right proof, for another package."""
    other = Package(attachments=[b.CAPTURE]).files()[b.SEAL]
    return Package(bend_files=put(b.SEAL, other)).write(folder)


seal_attack("inclusion", "seal_of_a_node", hashed_as_a_node)
