"""The record: notes, keys, entries, who may say what, tiles."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.forge import package as b
from support.forge.package import Files, Package, Record, Signer
from tests.corpus.case import (
    TILE,
    attack,
    bent,
    drop,
    files_attack,
    flip,
    long_record,
    put,
    record_attack,
    register,
    replace,
    swap_lines,
    with_key_history,
)

# note, checkpoint, key, weak_key, signature, unsigned

for name, old, new in (
    ("no_dash", "\u2014 ".encode(), b"- "),
    ("control_character", b"\n\n", b"\x07\n\n"),
    ("no_empty_line", b"\n\n", b"\n"),
    ("line_without_signature", "\u2014".encode(), "\u2014 x AAAAAA==\n\u2014".encode()),
    ("base64_not_canonical", "\u2014".encode(), "\u2014 x AAAAAAB=\n\u2014".encode()),
    ("not_utf8", b"witness", b"\xffwitness"),
):
    files_attack("note", f"note_{name}", replace(b.CHECKPOINT, old, new), "payload")


def note_without_end(files: Files) -> None:
    files[b.CHECKPOINT] = files[b.CHECKPOINT][:-1]


files_attack("note", "note_without_end", note_without_end, "payload")


def too_many_lines(files: Files) -> None:
    text = files[b.CHECKPOINT].rpartition(b"\n\n")[0] + b"\n"
    files[b.CHECKPOINT] += Signer(9).line(text, "x") * 32


files_attack("note", "note_too_many_lines", too_many_lines, "payload")


def head_attack(code: str, name: str, bend: Callable[[bytes], bytes], *signers: Signer) -> None:
    """The head's text is another, rightly signed."""

    def bend_head(files: Files) -> None:
        text = files[b.CHECKPOINT].rpartition(b"\n\n")[0] + b"\n"
        files[b.CHECKPOINT] = b.sign_note(bend(text), *(signers or (b.ARCHIVE,)))

    files_attack(code, name, bend_head, "payload")


head_attack("checkpoint", "extension_line", lambda text: text + b"more\n")
head_attack("checkpoint", "leading_zero", lambda text: text.replace(b"\n13", b"\n013"))
head_attack("checkpoint", "long_root", lambda text: text.replace(b"=\n", b"==\n"))
head_attack("genesis", "other_origin", lambda text: text.replace(b"3f9a", b"4f9a"))
head_attack("unsigned", "head_by_a_stranger", lambda text: text, b.STRANGER)
head_attack("tile", "other_size", lambda text: text.replace(b"\n13", b"\n14"))
head_attack("entry", "entry_beyond_the_head", lambda text: text.replace(b"\n13", b"\n12"))
head_attack("root", "other_root", lambda text: b"%s\n13\n%s=\n" % (text.split(b"\n")[0], b"A" * 43))


def false_signature(files: Files) -> None:
    text, _, line = files[b.CHECKPOINT].rpartition(b"\n\n")
    blob = bytearray(base64.b64decode(line.split()[-1]))
    blob[20] ^= 1
    false = line.replace(line.split()[-1], base64.b64encode(blob))
    files[b.CHECKPOINT] = text + b"\n\n" + line + false


files_attack("signature", "right_and_wrong_signature", false_signature, "payload")

OFF_CURVE = 2  # no x fits this y
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]
NON_CANONICAL = ["ee" + "ff" * 30 + "7f", "ff" * 32, "ed" + "ff" * 30 + "7f"]


def add_key(public: bytes | str) -> Callable[[Record], object]:
    text = public if isinstance(public, str) else b.b64(public)
    return lambda made: made.add("person.added/1", {**b.person(b.ANNA), "key": text}, b.ANNA)


record_attack("key", "key_too_short", add_key(bytes(31)))
record_attack("key", "key_not_base64", add_key("key of Anna"))
record_attack("key", "key_off_the_curve", add_key(OFF_CURVE.to_bytes(32, "little")))
for number, weak in enumerate(SMALL_ORDER):
    record_attack("weak_key", f"small_order_{number}", add_key(bytes.fromhex(weak)))
for number, weak in enumerate(NON_CANONICAL):
    record_attack("weak_key", f"non_canonical_{number}", add_key(bytes.fromhex(weak)))


def genesis_with(**fields: object) -> Callable[[Record], None]:
    def bend(made: Record) -> None:
        made.entries[0] = made.entry("genesis/1", b.genesis() | fields, b.ANNA)

    return bend


record_attack("key", "archive_key_id", genesis_with(archive_key=b.ARCHIVE.verifier()[:-4] + "AAA="))
record_attack(
    "weak_key",
    "weak_archive_key",
    genesis_with(archive_key=b.verifier_key(b.ORIGIN, bytes.fromhex(SMALL_ORDER[0]))),
)
record_attack(
    "genesis", "archive_key_of_another_name", genesis_with(archive_key=b.ARCHIVE.verifier("other"))
)

# entry, field


def raw(data: bytes) -> Callable[[Record], None]:
    return lambda made: made.entries.append(data)


ENTRY = b.record().entry("weather.noted/1", {"a": "x", "b": 1})
for name, old, new in (
    ("space", b'":1', b'": 1'),
    ("order", b'{"a":"x","b":1}', b'{"b":1,"a":"x"}'),
    ("twice", b'{"a":"x",', b'{"a":"x","a":"x",'),
    ("fraction", b":1}", b":1.0}"),
    ("exponent", b":1}", b":1e2}"),
    ("nan", b":1}", b":NaN}"),
    ("minus_zero", b":1}", b":-0}"),
    ("large_integer", b":1}", b":9007199254740992}"),
    ("huge_integer", b":1}", b":" + b"9" * 5000 + b"}"),
    ("surrogate", b'"x"', b'"\\ud800"'),
    ("needless_escape", b'"x"', b'"\\u0078"'),
    ("uppercase_escape", b'"x"', b'"\\u001F"'),
    ("not_utf8", b'"x"', b'"\xff"'),
    ("byte_order_mark", b'{"about', b'\xef\xbb\xbf{"about'),
    ("deep", b":1}", b":" + b"[" * 31 + b"]" * 31 + b"}"),
    ("very_deep", b":1}", b":" + b"[" * 30000 + b"]" * 30000 + b"}"),
    ("too_long", b'"x"', b'"' + b"x" * (65_537 - len(ENTRY)) + b'"'),
    ("far_too_long", b'"x"', b'"' + b"x" * 99_999 + b'"'),
    ("no_time", b',"at":"2026-01-02T03:04:05.000006Z"', b""),
    ("no_day", b"2026-01-02", b"2026-02-30"),
    ("long_fraction", b".000006Z", b".0000061Z"),
    ("type", b"weather.noted/1", b"weather.noted/01"),
    ("author", b'"by":"key:', b'"by":"KEY:'),
    ("about", b'"about":[]', b'"about":["sha256:00"]'),
    ("fields", b'{"a":"x","b":1}', b"[]"),
    ("said_at", b'},"type"', b'},"said_at":"2026-01-02T03:04:05Z","type"'),
):
    assert old in ENTRY
    record_attack("entry", f"entry_{name}", raw(ENTRY.replace(old, new, 1)))
files_attack("genesis", "no_entries", put(b.ENTRIES, b""), "payload")
record_attack("entry", "entry_list", raw(b"[]"))
record_attack("entry", "entry_empty", raw(b""))
files_attack("genesis", "genesis_not_first", swap_lines(b.ENTRIES), "payload")
files_attack("entry", "entries_without_end", replace(b.ENTRIES, b"\n12 ", b" 12 "), "payload")
files_attack("entry", "repeated_index", replace(b.ENTRIES, b"\n12 ", b"\n11 "), "payload")
files_attack("entry", "padded_index", replace(b.ENTRIES, b"\n12 ", b"\n012 "), "payload")


def other_field(kind: str, /, **fields: object) -> Callable[[Record], object]:
    by = b.BOHDAN if kind in b.SIGNED else None
    known = b.statements() | b.later_statements()
    right = {name: value for name, value in known[kind].items() if name not in fields}
    wrong = {name: value for name, value in fields.items() if value is not None}
    return lambda made: made.add(kind, right | wrong, by)


for kind in b.statements():
    if kind != "weather.noted/1":
        missing = next(iter(b.statements()[kind]))
        name = "missing_" + re.sub(r"\W", "_", kind)
        record_attack("field", name, other_field(kind, **{missing: None}))
for number, (kind, fields) in enumerate(
    [
        ("object.stored/1", {"size": -1}),
        ("object.stored/1", {"size": True}),
        ("object.stored/1", {"kind": "a\u0301"}),
        ("object.stored/1", {"kind": "x" * 257}),
        ("object.stored/1", {"sha256": "A" * 64}),
        ("object.stored/1", {"derived_from": "no"}),
        ("sighting.recorded/1", {"caption": "the words themselves"}),
        ("sighting.recorded/1", {"caption": {"protected": "00"}}),
        ("sighting.recorded/1", {"dates": [{"what": "posted"}]}),
        ("sighting.recorded/1", {"stated": {"views": "12"}}),
        ("sighting.recorded/1", {"attachments": [{"role": "x"}]}),
        ("sighting.recorded/1", {"flags": "below_minimum_capture_set"}),
        ("sighting.recorded/1", {"claimed": [{"by": "a tool", "algorithm": "md5"}]}),
        ("run.recorded/1", {"tally": b.TALLY | {"seen": 7}}),
        ("run.recorded/1", {"tally": {"seen": 0}}),
        ("run.recorded/1", {"started_at": "2026-01-02"}),
        ("run.recorded/1", {"clock": 1}),
        ("run.recorded/1", {"clock_error_ms": -1}),
        ("run.recorded/1", {"outside_scope": "asked by a partner"}),
        ("finding.recorded/1", {"tools": {"reader": 2}}),
        ("link.found/1", {"segments": [{"a_start": 0}]}),
        ("link.found/1", {"evidence": {"role": "evidence"}}),
        ("link.found/1", {"pairs": -1}),
        ("risk.recorded/1", {"uploader": "Oleh"}),
        ("scope.changed/1", {"scope": b.SCOPE | {"scratch": "no"}}),
        ("value.erased/1", {"values": [{"entry": 4}]}),
        ("search.recorded/1", {"results": -1}),
        ("search.recorded/1", {"terms": "a village"}),
    ]
):
    record_attack("field", f"field_{number}", other_field(kind, **fields))

# genesis, author, revoked_key, entry_signature, replayed_entry


record_attack("genesis", "second_genesis", lambda m: m.add("genesis/1", b.genesis(), b.ANNA))
record_attack("genesis", "no_genesis", lambda m: m.entries.__setitem__(0, ENTRY))
record_attack("author", "unknown_person", lambda m: m.add("a/1", {}, b.STRANGER))
record_attack("author", "unknown_machine", lambda m: m.add("a/1", {}, "key:" + "0" * 32))
record_attack("author", "signed_by_the_archive", lambda m: m.add("a/1", {}, b.ARCHIVE))
record_attack(
    "author", "person_without_signature", lambda m: m.add("a/1", {}, b.ANNA, signature=None)
)
record_attack(
    "author",
    "genesis_by_another",
    lambda m: m.entries.__setitem__(0, m.entry("genesis/1", b.genesis(), b.BOHDAN)),
)
record_attack("author", "replaced_person", lambda m: m.add("a/1", {}, b.BOHDAN), with_key_history)
record_attack(
    "revoked_key", "revoked_person", lambda m: m.add("a/1", {}, b.STRANGER), with_key_history
)
record_attack(
    "author",
    "replaced_archive_key",
    lambda m: m.add("a/1", {}, b.ARCHIVE.id),
    with_key_history,
)
record_attack(
    "revoked_key",
    "revoked_archive_key",
    lambda m: m.add("key.revoked/1", {"key": b.ARCHIVE.id, "reason": "stolen"}, b.ANNA),
)
record_attack(
    "entry_signature",
    "unsigned_risk",
    lambda m: m.add("risk.recorded/1", b.statements()["risk.recorded/1"]),
)
record_attack(
    "entry_signature",
    "unsigned_split",
    lambda m: m.add("link.decided/1", b.later_statements()["link.decided/1"]),
)
record_attack(
    "entry_signature",
    "signature_of_nothing",
    lambda m: m.add("a/1", {}, b.ANNA, signature=b.b64(bytes(64))),
)
record_attack(
    "entry_signature", "signature_is_a_number", lambda m: m.add("a/1", {}, b.ANNA, signature=1)
)
record_attack(
    "entry_signature", "short_signature", lambda m: m.add("a/1", {}, b.ANNA, signature="AAAA")
)
record_attack(
    "field",
    "rotation_of_what",
    lambda m: m.add("key.rotated/1", {"use": "x", "old": "", "new": "", "proof": ""}, b.ANNA),
)
record_attack(
    "field",
    "rotation_of_a_stranger",
    lambda m: m.add(
        "key.rotated/1",
        b.rotation("person", b.b64(b.STRANGER.public), b.b64(b.ANNA.public), b.STRANGER),
        b.ANNA,
    ),
)


def rotation(old: str, new: str) -> Callable[[Record], object]:
    fields = b.rotation("archive", old, new, b.ARCHIVE)
    return lambda made: made.add("key.rotated/1", fields, b.ANNA)


NEW = b.NEW_ARCHIVE.verifier()
record_attack("key", "rotation_to_another_name", rotation(b.ARCHIVE.verifier(), NEW[1:]))
record_attack(
    "key", "rotation_away", rotation(b.ARCHIVE.verifier(), b.NEW_ARCHIVE.verifier("other"))
)
record_attack("field", "rotation_from_a_stranger", rotation(b.STRANGER.verifier(), NEW))
record_attack(
    "entry_signature",
    "rotation_without_the_old_key",
    lambda m: m.add(
        "key.rotated/1", b.rotation("archive", b.ARCHIVE.verifier(), NEW, b.STRANGER), b.ANNA
    ),
)
record_attack(
    "entry_signature",
    "rotation_without_the_persons_key",
    lambda m: m.add(
        "key.rotated/1",
        b.rotation("person", b.b64(b.BOHDAN.public), b.b64(b.STRANGER.public), b.ANNA),
        b.ANNA,
    ),
)
record_attack(
    "entry_signature",
    "rotation_with_no_proof",
    lambda m: m.add(
        "key.rotated/1",
        b.rotation("archive", b.ARCHIVE.verifier(), NEW, b.ARCHIVE) | {"proof": "none"},
        b.ANNA,
    ),
)


def with_second(second: b.Signer, signer: b.Signer, **more: object) -> Callable[[Record], object]:
    fields = {**b.seconded("value.erased/1", second, signer), **more}
    return lambda made: made.add("value.erased/1", fields, b.ANNA)


record_attack("author", "second_is_the_first", with_second(b.ANNA, b.ANNA))
record_attack("author", "second_is_a_stranger", with_second(b.STRANGER, b.STRANGER))
record_attack("entry_signature", "second_did_not_sign", with_second(b.BOHDAN, b.ANNA))
record_attack(
    "entry_signature", "second_signed_nothing", with_second(b.BOHDAN, b.ANNA, second_signature="")
)
record_attack(
    "entry_signature",
    "second_signed_another_reason",
    with_second(b.BOHDAN, b.BOHDAN, values=[{"entry": 1, "field": "caption"}]),
)


def replay(made: Record) -> None:
    """Bohdan's risk record once more, taken by the journal at another time."""
    at = next(i for i, entry in enumerate(made.entries) if b"risk.recorded/1" in entry)
    made.entries.append(made.entries[at].replace(b"03:04:05", b"03:04:06"))


def other_origin(made: Record) -> None:
    elsewhere = Record(origin="witnessmark/0000000000000000")
    made.entries.append(elsewhere.entry("a/1", {}, b.ANNA))


record_attack("replayed_entry", "replay", replay)
record_attack("entry_signature", "signed_for_another_record", other_origin)


# sizes that no honest file has

files_attack("note", "huge_note", lambda f: f.update({b.CHECKPOINT: b"\n" * 99_999}), "payload")
files_attack(
    "bag_info",
    "huge_bag_info",
    lambda files: files.update({"bag-info.txt": files["bag-info.txt"] + b"A: b\n" * 20_000}),
    "tags",
)

# tile, root, leaf


def wide(code: str, name: str, bend: Callable[[Files], object], **more: Any) -> None:
    """An attack on a record of 600 entries, with two full tiles below another."""

    def make(folder: Path) -> Path:
        return bent(bend, "payload", record=long_record(600), **more)(folder)

    register(name, code, make)


ZERO = "data/record/tile/0/"
wide("tile", "full_tile_flipped", flip(ZERO + "001", 99))
wide("root", "partial_tile_flipped", flip(ZERO + "002.p/88", 99))
wide("root", "upper_tile_flipped", flip("data/record/tile/1/000.p/2", 40))
wide("tile", "tile_missing", drop(ZERO + "001"))
wide("tile", "upper_tile_missing", drop("data/record/tile/1/000.p/2"))
wide("tile", "tile_to_spare", put(ZERO + "003", bytes(8192)))
wide("tile", "tile_not_needed", put(ZERO + "001.p/8", bytes(256)))
wide("tile", "tile_too_short", lambda files: files.update({ZERO + "001": bytes(8160)}))
wide(
    "tile",
    "tile_of_absent_entries",
    put(ZERO + "001", b"".join(long_record(600).leaves()[256:512])),
    included=set(range(13)),
)
files_attack("root", "only_tile_flipped", flip(TILE, 40), "payload")


@attack("leaf")
def entry_is_not_the_one_in_its_tile(folder: Path) -> Path:
    bend = replace(b.ENTRIES, b'"sky":"clear"', b'"sky":"cloud"')
    return Package(bend_payload=bend).write(folder)


@attack("leaf")
def entries_swapped(folder: Path) -> Path:
    def bend(files: Files) -> None:
        lines = [line.split(b" ", 1)[1] for line in files[b.ENTRIES].splitlines()]
        lines[2], lines[3] = lines[3], lines[2]
        files[b.ENTRIES] = b"".join(b"%d %s\n" % pair for pair in enumerate(lines))

    return Package(bend_payload=bend).write(folder)


def lines_of(files: Files) -> list[bytes]:
    return [line.split(b" ", 1)[1] for line in files[b.ENTRIES].splitlines()]


def removed(files: Files) -> None:
    """The line that stores the original is gone; the rest keeps its place."""
    lines = files[b.ENTRIES].splitlines(keepends=True)
    files[b.ENTRIES] = b"".join(line for line in lines if not line.startswith(b"3 "))


def inserted(files: Files) -> None:
    """One more entry in the middle; those after it move on, and the last falls off."""
    entries = lines_of(files)
    entries.insert(5, b.record().entry("weather.noted/1", {"sky": "red"}))
    files[b.ENTRIES] = b"".join(b"%d %s\n" % pair for pair in enumerate(entries[:-1]))


def too_early(made: Record) -> None:
    made.add("scope.changed/1", b.statements()["scope.changed/1"], b.STRANGER)
    old, new = b.b64(b.BOHDAN.public), b.b64(b.STRANGER.public)
    made.add("key.rotated/1", b.rotation("person", old, new, b.BOHDAN), b.BOHDAN)


files_attack("object", "entry_removed", removed, "payload")
files_attack("leaf", "entry_inserted", inserted, "payload")
record_attack("author", "later_key_on_an_old_entry", too_early)
