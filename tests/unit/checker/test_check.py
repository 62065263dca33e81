"""The checker against packages made by hand: what holds, and every way to be refused."""

from __future__ import annotations

import ast
import base64
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from support.forge import package as b
from support.forge.package import Files, Package, Record, Seal, Signer
from tests.corpus.cases import CASES
from tests.unit.checker.subject import REPOSITORY, SCRIPT, check

PACKAGE_PAGE = REPOSITORY / "spec" / "package.md"


def run(folder: Path, *keys: str) -> Any:
    trust = check.Trust()
    if keys:
        trust.add("\n".join(keys).encode(), "keys")
    return check.check(str(folder), trust)


def script(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text(f"# the archive\n\n{b.ARCHIVE.verifier()}\n")
    return path


# What holds ---------------------------------------------------------------------------------


def test_a_package_with_the_right_key_holds(tmp_path: Path, keys: Path) -> None:
    done = script(Package().write(tmp_path / "p"), "--trust", keys)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("HOLDS.")
    assert "no outside proof: unanchored" in done.stdout
    assert done.stderr == ""


def test_without_a_key_whose_record_it_is_stays_open(tmp_path: Path) -> None:
    done = script(Package().write(tmp_path / "p"), "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 3
    assert (answer["outcome"], answer["code"]) == ("not_checked", None)
    assert "needs_archive_key" in answer["reports"]
    assert set(answer) == {
        *("outcome", "code", "sentence", "file", "counts", "checked", "reports", "existed_by")
    }
    assert b.canonical(answer) == done.stdout.strip().encode()


def test_the_numbers_are_those_of_the_package(tmp_path: Path) -> None:
    report = run(Package().write(tmp_path / "p"), b.ARCHIVE.verifier())
    assert report.outcome == "holds"
    counts = report.counts
    assert (counts["originals"], counts["derived"], counts["attachments"]) == (1, 1, 2)
    assert (counts["record_size"], counts["entries"]) == (13, 13)
    assert (counts["unknown_entries"], counts["disclosed"]) == (1, 3)


def test_the_folder_of_the_script_is_the_package_by_default(tmp_path: Path) -> None:
    folder = Package(
        bend_payload=lambda files: files.update({"check.py": SCRIPT.read_bytes()}),
        bend_tags=lambda files: files.update({"check.py": SCRIPT.read_bytes()}),
    ).write(tmp_path / "p")
    before = sorted(folder.rglob("*"))
    command = [sys.executable, str(folder / "check.py")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 3
    assert sorted(folder.rglob("*")) == before


def long_record(size: int) -> Record:
    made = b.record()
    while len(made.entries) < size:
        made.add("weather.noted/1", {"sky": str(len(made.entries))})
    return made


@pytest.mark.parametrize("size", [255, 256, 257, 300, 511, 512, 770])
def test_tiles_of_every_shape_hold(tmp_path: Path, size: int) -> None:
    assert run(Package(long_record(size)).write(tmp_path / "p")).outcome == "not_checked"


def test_a_part_of_a_large_record_holds(tmp_path: Path) -> None:
    package = Package(long_record(66_000), included={*range(13), 700, 65_535, 65_999})
    report = run(package.write(tmp_path / "p"))
    assert report.outcome == "not_checked", report.sentence
    assert report.counts["tiles"] == 7  # 0, 2, 255 and the edge; full and edge of level 1; level 2
    assert report.reports["absent_entries"] == 65_984


def with_key_history() -> Record:
    """Every key changes once, and one is revoked."""
    made = b.record()
    new, old = b.NEW_ARCHIVE.verifier(), b.ARCHIVE.verifier()
    made.add("key.rotated/1", b.rotation("archive", old, new, b.ARCHIVE), b.ANNA)
    made.archive = b.NEW_ARCHIVE
    made.add("weather.noted/1", {"sky": "grey"})
    old, new = b.b64(b.BOHDAN.public), b.b64(b.STRANGER.public)
    made.add("key.rotated/1", b.rotation("person", old, new, b.BOHDAN), b.BOHDAN)
    made.add("scope.changed/1", b.statements()["scope.changed/1"], b.STRANGER)
    lost = {"key": b.STRANGER.id, "reason": "lost", "suspect_after": 3}
    made.add("key.revoked/1", lost, b.STRANGER)
    return made


def test_keys_that_changed_hold_under_the_old_and_the_new(tmp_path: Path) -> None:
    folder = Package(with_key_history()).write(tmp_path / "p")
    assert run(folder, b.NEW_ARCHIVE.verifier()).outcome == "holds"
    assert run(folder, b.ARCHIVE.verifier()).outcome == "holds"
    assert run(folder, b.STRANGER.verifier()).code == "trust"
    assert run(folder).reports["suspect"] == 1


def test_unknown_members_and_lines_of_unknown_keys_are_kept(tmp_path: Path) -> None:
    made = b.record()
    made.add("object.stored/1", {**b.stored(VIDEO), "colour": {"deep": [1]}}, later="yes")
    package = Package(made)
    witness = Signer(77).line(made.checkpoint().rpartition(b"\n\n")[0] + b"\n", "witness.example/w")

    def witnessed(files: Files) -> None:
        files[b.CHECKPOINT] += witness

    package.bend_payload = witnessed
    assert run(package.write(tmp_path / "p"), b.ARCHIVE.verifier()).outcome == "holds"


def test_no_objects_and_no_disclosures_hold(tmp_path: Path) -> None:
    bare = Package(objects=[], attachments=[], disclosures=[], export={"profile": "share"})
    folder = bare.write(tmp_path / "p")
    (folder / "data" / "objects").mkdir()
    assert run(folder).outcome == "not_checked"


def test_members_sort_by_utf_16(tmp_path: Path) -> None:
    right = '{"\U0001f600":1,"\ufb00":2}'.encode()
    assert check.parse_canonical(right) == {"\U0001f600": 1, "\ufb00": 2}
    with pytest.raises(ValueError, match="out of order"):
        check.parse_canonical('{"\ufb00":2,"\U0001f600":1}'.encode())


# What is refused: at least one package for every code ----------------------------------------

VIDEO = b.VIDEO
OBJECT = f"data/objects/{b.sha256(VIDEO)}"
ATTACHMENT = f"data/attachments/{b.sha256(b.OUTPUT)}"
TILE = "data/record/tile/0/000.p/13"

Attack = Callable[[Path], Path]
ATTACKS: dict[str, tuple[str, Attack]] = {}


def attack(code: str) -> Callable[[Attack], Attack]:
    """Register a package that must be refused with this code."""

    def register(function: Attack) -> Attack:
        ATTACKS[function.__name__] = (code, function)
        return function

    return register


def files_attack(code: str, name: str, bend: Callable[[Files], object], stage: str) -> None:
    """An attack that bends the files at one stage of the making."""

    def bend_stage(files: Files) -> None:
        bend(files)

    def make(folder: Path) -> Path:
        package = Package()
        setattr(package, f"bend_{stage}", bend_stage)
        return package.write(folder)

    ATTACKS[name] = (code, make)


def record_attack(
    code: str, name: str, bend: Callable[[Record], object], base: Callable[[], Record] = b.record
) -> None:
    """An attack from inside: the record itself, rightly sealed, says something wrong."""

    def make(folder: Path) -> Path:
        made = base()
        bend(made)
        return Package(made).write(folder)

    ATTACKS[name] = (code, make)


def seal_attack(code: str, name: str, bend: Callable[[Seal], object], **more: Any) -> None:
    """An attack on the seal alone."""

    def bend_seal(seal: Seal) -> None:
        bend(seal)

    ATTACKS[name] = (code, lambda folder: Package(bend_seal=bend_seal, **more).write(folder))


def flip(name: str, place: int = 0) -> Callable[[Files], None]:
    def bend(files: Files) -> None:
        data = bytearray(files[name])
        data[place] ^= 1
        files[name] = bytes(data)

    return bend


def replace(name: str, old: bytes, new: bytes) -> Callable[[Files], None]:
    def bend(files: Files) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)

    return bend


def put(name: str, data: bytes) -> Callable[[Files], None]:
    return lambda files: files.update({name: data})


def drop(name: str) -> Callable[[Files], object]:
    return lambda files: files.pop(name)


def swap_lines(name: str) -> Callable[[Files], None]:
    def bend(files: Files) -> None:
        first, second, *rest = files[name].splitlines(keepends=True)
        files[name] = b"".join([second, first, *rest])

    return bend


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


@attack("not_a_package")
def nothing_there(folder: Path) -> Path:
    return folder


@attack("file_kind")
def link_out(folder: Path) -> Path:
    Package().write(folder)
    (folder / OBJECT).unlink()
    (folder / OBJECT).symlink_to(SCRIPT)
    return folder


@attack("file_kind")
def linked_folder(folder: Path) -> Path:
    Package().write(folder)
    (folder / "data/attachments").rename(folder.parent / "elsewhere")
    (folder / "data/attachments").symlink_to(folder.parent / "elsewhere")
    return folder


@attack("file_kind")
def pipe(folder: Path) -> Path:
    Package().write(folder)
    (folder / OBJECT).unlink()
    os.mkfifo(folder / OBJECT)
    return folder


@attack("undeclared_file")
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

OFF_CURVE = next(y for y in range(2, 99) if check.decompress(y.to_bytes(32, "little")) is None)
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
    right = {name: value for name, value in b.statements()[kind].items() if name not in fields}
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
        ("run.recorded/1", {"tally": b.TALLY | {"seen": 7}}),
        ("run.recorded/1", {"tally": {"seen": 0}}),
        ("run.recorded/1", {"started_at": "2026-01-02"}),
        ("finding.recorded/1", {"tools": {"reader": 2}}),
        ("link.found/1", {"segments": [{"a_start": 0}]}),
        ("risk.recorded/1", {"uploader": "Oleh"}),
        ("scope.changed/1", {"scope": b.SCOPE | {"scratch": "no"}}),
        ("value.erased/1", {"values": [{"entry": 4}]}),
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


def test_a_second_person_who_signed_holds(tmp_path: Path) -> None:
    made = b.record()
    with_second(b.BOHDAN, b.BOHDAN)(made)
    assert run(Package(made).write(tmp_path / "p")).outcome == "not_checked"


def replay(made: Record) -> None:
    """Bohdan's risk record once more, taken by the journal at another time."""
    at = next(i for i, entry in enumerate(made.entries) if b"risk.recorded/1" in entry)
    made.entries.append(made.entries[at].replace(b"03:04:05", b"03:04:06"))


def other_origin(made: Record) -> None:
    elsewhere = Record(origin="witnessmark/0000000000000000")
    made.entries.append(elsewhere.entry("a/1", {}, b.ANNA))


record_attack("replayed_entry", "replay", replay)
record_attack("entry_signature", "signed_for_another_record", other_origin)


def resigned(code: str, name: str, base: Callable[[Record], bytes]) -> None:
    """The seal's entry is another one."""
    ATTACKS[name] = (
        code,
        lambda folder: Package(export_entry=lambda made, fields: base(made)).write(folder),
    )


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

    def bend_payload(files: Files) -> None:
        bend(files)

    def make(folder: Path) -> Path:
        return Package(long_record(600), bend_payload=bend_payload, **more).write(folder)

    ATTACKS[name] = (code, make)


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

    ATTACKS[f"export_{name}"] = ("seal", other_export)
ATTACKS["export_tagmanifest"] = (
    "tagmanifest",
    lambda folder: Package(export={"tagmanifest": "0" * 64}).write(folder),
)
ATTACKS["export_encrypted"] = (
    "field",
    lambda folder: Package(export={"encrypted": "yes"}).write(folder),
)
resigned("seal", "seal_is_no_export", lambda made: made.entry("a/1", {}, b.ANNA))
resigned("entry", "seal_entry_malformed", lambda made: b"{}")
ATTACKS["seal_unsigned"] = (
    "entry_signature",
    lambda folder: Package(export_entry=lambda m, f: m.entry("export.made/1", f)).write(folder),
)
ATTACKS["seal_by_a_stranger"] = (
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


ATTACKS["forked"] = ("fork", lambda folder: Package(sealed_in=forked()).write(folder))


def sealed_elsewhere(folder: Path) -> Path:
    other = b.record()
    other.origin = "witnessmark/0000000000000000"
    return Package(sealed_in=other).write(folder)


ATTACKS["sealed_elsewhere"] = ("seal", sealed_elsewhere)


def sealed_by_a_stranger(folder: Path) -> Path:
    other = b.record()
    other.archive = b.STRANGER
    return Package(sealed_in=other).write(folder)


ATTACKS["sealed_by_a_stranger"] = ("unsigned", sealed_by_a_stranger)

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
    ATTACKS[name] = (code, lambda folder: Package(disclosures=list(items)).write(folder))


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


@attack("trust")
def another_archive(folder: Path) -> Path:
    """Right in itself, and of an archive that is not the trusted one."""
    Package().write(folder)
    return folder


@pytest.mark.parametrize("name", ATTACKS)
def test_refused(name: str, tmp_path: Path) -> None:
    code, make = ATTACKS[name]
    try:
        folder = make(tmp_path / "p")
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system has no such name")
    keys = [b.STRANGER.verifier()] if code == "trust" else []
    report = run(folder, *keys)
    assert (report.outcome, report.code) == ("refused", code), report.sentence
    assert report.sentence.endswith(".")


def codes_of_the_page() -> set[str]:
    table = PACKAGE_PAGE.read_text("utf-8").partition("| code |")[2].partition("Reported, not")[0]
    cells = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    return {code for cell in cells for code in re.findall(r"`(\w+)`", cell)}


def test_every_code_of_the_page_is_tried_and_no_other() -> None:
    # `error` is no attack: it is what a failing disk gives, tried below
    tried = {code for code, _ in ATTACKS.values()} | {case.code for case in CASES if case.code}
    assert tried == codes_of_the_page() - {"error"}


def test_every_code_of_the_checker_is_on_the_page() -> None:
    tree = ast.parse(SCRIPT.read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    used = {
        call.args[0].value
        for call in calls
        if (isinstance(call.func, ast.Name) and call.func.id == "refuse")
        or (isinstance(call.func, ast.Attribute) and call.func.attr == "refuse")
        if isinstance(call.args[0], ast.Constant)
    }
    assert used <= codes_of_the_page()


# Whose record it is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (b.ARCHIVE.verifier(), None),
        (b.STRANGER.verifier(), "trust"),
        (b.ARCHIVE.verifier("somebody.else"), "trust"),
        (b.verifier_key(b.ORIGIN, bytes.fromhex(SMALL_ORDER[0])), "weak_key"),
        ("not+a+key", "key"),
        (b.ORIGIN + "+00000000+" + b.b64(b"\1" + b.ARCHIVE.public), "key"),
        (b.ARCHIVE.verifier() + "\u202e", "key"),
    ],
)
def test_keys_that_are_given(tmp_path: Path, key: str, code: str | None) -> None:
    assert run(Package().write(tmp_path / "p"), key).code == code


def test_keys_that_share_a_name_and_an_id_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four bytes of id can be made to collide; then nobody knows whose line it is."""
    head = check.parse_checkpoint(b.record().checkpoint(), "head")
    mine = check.VerifierKey(b.ORIGIN, b.ARCHIVE.public)
    other = check.VerifierKey(b.ORIGIN, b.STRANGER.public)
    monkeypatch.setattr(check.VerifierKey, "id", mine.id)
    with pytest.raises(check.RefusalError, match=r"^key:"):
        check.check_signed(head, [mine, other], mine, "head")


def test_the_longest_entry_holds(tmp_path: Path) -> None:
    made = b.record()
    made.entries.append(ENTRY.replace(b'"x"', b'"' + b"x" * (65_536 - len(ENTRY)) + b'"'))
    assert len(made.entries[-1]) == 65_535
    assert run(Package(made).write(tmp_path / "p")).outcome == "not_checked"


def test_one_of_several_keys_is_enough(tmp_path: Path) -> None:
    folder = Package().write(tmp_path / "p")
    assert run(folder, b.STRANGER.verifier(), b.ARCHIVE.verifier()).outcome == "holds"


def test_a_genesis_that_names_anothers_key_is_not_theirs(tmp_path: Path) -> None:
    """A stranger names the archive's key, rotates to their own, and signs everything."""
    made = Record()
    fields = b.genesis() | {"person_key": b.b64(b.STRANGER.public)}
    made.add("genesis/1", fields, b.STRANGER)
    own = b.rotation("archive", b.ARCHIVE.verifier(), b.NEW_ARCHIVE.verifier(), b.STRANGER)
    made.add("key.rotated/1", own, b.STRANGER)
    made.archive = b.NEW_ARCHIVE
    made.add("object.stored/1", b.stored(VIDEO))
    package = Package(made, [VIDEO], [], [])
    package.export_entry = lambda record, f: record.entry("export.made/1", f, b.STRANGER)
    folder = package.write(tmp_path / "p")
    assert run(folder).code == "entry_signature"
    assert run(folder, b.ARCHIVE.verifier()).code == "entry_signature"


def test_a_disk_that_fails_is_an_error_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Package().write(tmp_path / "p")

    def fails(*_: object, **__: object) -> NoReturn:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(check, "check_hashes", fails)
    assert check.main([str(folder), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["code"] == "error"


# The command line -------------------------------------------------------------------------------


def test_a_refusal_as_a_program(tmp_path: Path, keys: Path) -> None:
    folder = Package(bend_files=flip(OBJECT)).write(tmp_path / "p")
    done = script(folder, "--trust", keys, "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["code"], answer["file"]) == (1, "payload_hash", OBJECT)
    assert done.stderr == ""
    assert script(folder).stdout.startswith("REFUSED (payload_hash).")


def test_wrong_keys_as_a_program(tmp_path: Path, keys: Path) -> None:
    keys.write_text(b.STRANGER.verifier() + "\n")
    done = script(Package().write(tmp_path / "p"), "--trust", keys)
    assert done.returncode == 1
    assert "(trust)" in done.stdout


def test_wrong_use(tmp_path: Path, keys: Path) -> None:
    keys.write_text("# nothing\n")
    for arguments in (
        ["--trust", str(keys)],
        ["--trust", str(tmp_path / "none")],
        ["--frobnicate"],
    ):
        done = script(*arguments)
        assert done.returncode == 2
        assert "HOLDS" not in done.stdout
        assert "Traceback" not in done.stderr


def test_help_has_an_example() -> None:
    done = script("--help")
    assert done.returncode == 0
    assert "Example: python3 check.py" in done.stdout


def test_hints_for_people(tmp_path: Path) -> None:
    Package().write(tmp_path / "outer" / "inner")
    assert "one folder deeper: inner" in run(tmp_path / "outer").sentence
    with tarfile.open(tmp_path / "p.tar", "w") as tar:
        tar.add(tmp_path / "outer")
    assert "Unpack" in run(tmp_path / "p.tar").sentence
    (tmp_path / "p.age").write_bytes(b"age-encryption.org/v1\n-> X25519 ...")
    assert "Decrypt" in run(tmp_path / "p.age").sentence
    (tmp_path / "notes").write_text("words")
    assert "no package" in run(tmp_path / "notes").sentence
    (tmp_path / "outer" / "inner" / ".DS_Store").touch()
    assert "file manager" in run(tmp_path / "outer" / "inner").sentence


def test_what_is_printed_is_harmless(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Package().write(tmp_path / "p")
    (folder / "data" / "\x1b[2J\u202egood").touch()
    assert check.main([str(folder)]) == 1
    assert capsys.readouterr().out.isascii()
    assert "\\u{1b}" in run(folder).file


def test_an_unforeseen_failure_is_a_refusal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(check, "check_bag", fail)
    assert check.main([str(tmp_path)]) == 1
    assert "REFUSED (error)" in capsys.readouterr().out


def test_the_checker_stands_alone() -> None:
    """It imports the standard library only, and never promises too much."""
    text = SCRIPT.read_text("utf-8")
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import)]
    froms = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imports for alias in node.names}
    names |= {str(node.module) for node in froms}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
    assert "verified" not in text.lower()


# Bytes flipped at random --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = Package(long_record(300)).write(tmp_path_factory.mktemp("flips") / "p")
    assert run(folder).outcome == "not_checked"
    yield folder
    assert run(folder).outcome == "not_checked"


FLIPPED = sorted(Package(long_record(300)).files())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(FLIPPED), place=st.integers(0, 1 << 20), mask=st.integers(1, 255))
@example(name=b.SEAL, place=0, mask=1)
def test_one_byte_anywhere_is_refused(whole: Path, name: str, place: int, mask: int) -> None:
    """No byte of a package may change: there is no exception to this."""
    path = whole / name
    right = path.read_bytes()
    wrong = bytearray(right)
    wrong[place % len(right)] ^= mask
    path.write_bytes(wrong)
    try:
        report = run(whole)
    finally:
        path.write_bytes(right)
    assert report.outcome == "refused"
    assert report.code in codes_of_the_page()


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 1 << 20), mask=st.integers(1, 255))
def test_one_byte_of_the_seal_is_refused(whole: Path, place: int, mask: int) -> None:
    """Nothing but its own contents protects the seal, so it is tried more."""
    path = whole / b.SEAL
    right = path.read_bytes()
    wrong = bytearray(right)
    wrong[place % len(right)] ^= mask
    path.write_bytes(wrong)
    try:
        assert run(whole).outcome == "refused"
    finally:
        path.write_bytes(right)


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=400))
@example(data=b"[" * 5000)
@example(data=b'{"a":' * 5000)
def test_hostile_bytes_end_in_a_refusal(data: bytes) -> None:
    for parse in (check.parse_note, check.parse_checkpoint, check.parse_seal):
        with pytest.raises(check.RefusalError):
            parse(data, "file")
    with pytest.raises(check.RefusalError):
        check.parse_entry(data, 0, "file")
    with pytest.raises(check.RefusalError):
        check.parse_verifier_key(data.decode("latin-1"), "file")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def in_order(value: Any) -> Any:
    """The same value with its members sorted by UTF-16."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return {name: in_order(value[name]) for name in names}
    return [in_order(member) for member in value] if isinstance(value, list) else value


@given(value=JSON, place=st.integers(0, 1 << 10), mask=st.integers(1, 255))
def test_canonical_json_is_one_to_one(value: Any, place: int, mask: int) -> None:
    text = json.dumps(in_order(value), ensure_ascii=False, separators=(",", ":"))
    data = bytearray(text.encode())
    assert check.parse_canonical(bytes(data)) == value
    data[place % len(data)] ^= mask
    try:
        other = check.parse_canonical(bytes(data))
    except ValueError:
        return
    assert check.canonical(other) == bytes(data)
    assert json.dumps(other) != json.dumps(in_order(value))


# Ed25519 and the tree, against others -------------------------------------------------------------

RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
        "1cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
        "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
        "984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23"
        "a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c6"
        "6431e0303dca179c138ac17ad9bef1177331a704",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_vectors_of_rfc_8032(key: str, message: str, signature: str) -> None:
    public, text, signed = map(bytes.fromhex, (key, message, signature))
    assert check.signature_holds(public, text, signed)
    assert not check.signature_holds(public, text + b"!", signed)
    s = int.from_bytes(signed[32:], "little") + check.ORDER
    assert not check.signature_holds(public, text, signed[:32] + s.to_bytes(32, "little"))
    assert not check.signature_holds(public, text, signed[:63])
    assert not check.signature_holds(public, text, signed + b"\0")


def others_say(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**64), message=st.binary(max_size=300), place=st.integers(0, 95))
def test_ed25519_agrees_with_another(seed: int, message: bytes, place: int) -> None:
    signer = Signer(seed)
    signature = signer.sign(message)
    assert check.signature_holds(signer.public, message, signature)
    both = bytearray(signature + signer.public)
    both[place] ^= 1 << seed % 8
    signature, public = bytes(both[:64]), bytes(both[64:])
    assert check.signature_holds(public, message, signature) == others_say(
        public, message, signature
    )


@pytest.mark.parametrize("key", NON_CANONICAL)
def test_no_point_has_a_second_encoding(key: str) -> None:
    assert check.decompress(bytes.fromhex(key)) is None


@pytest.mark.parametrize("key", SMALL_ORDER[:8])
def test_small_order_agrees_with_another(key: str) -> None:
    """The equation is that of others; such keys are refused before it is asked."""
    public = bytes.fromhex(key)
    for r in map(bytes.fromhex, SMALL_ORDER[:8]):
        for message in (b"", b"a", b"b"):
            signature = r + bytes(32)
            mine = check.signature_holds(public, message, signature)
            assert mine == others_say(public, message, signature)


@settings(deadline=None)
@given(size=st.integers(1, 70), data=st.data())
def test_proofs_agree_with_their_definition(size: int, data: st.DataObject) -> None:
    leaves = [b.leaf(b"%d" % number) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path, head = b.inclusion(index, leaves), b.root(leaves)
    assert check.included(leaves[index], index, size, path, head)
    other = data.draw(st.integers(0, size))
    assume(other != index)
    assert not check.included(leaves[index], other, size, path, head)
    old = data.draw(st.integers(0, size))
    steps = b.consistency(old, leaves) if old else []
    old_root = b.root(leaves[:old]) if old else bytes(32)
    assert check.consistent(old, old_root, size, head, steps) == (old > 0)
    assert not check.consistent(old, bytes(32), size, head, steps)
    assert not check.consistent(old, old_root, size, head, [*steps, bytes(32)])


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        ((0, 0, 256), "0/000"),
        ((0, 4, 180), "0/004.p/180"),
        ((1, 0, 4), "1/000.p/4"),
        ((0, 1234067, 256), "0/x001/x234/067"),
        ((0, 1000, 1), "0/x001/000.p/1"),
    ],
)
def test_paths_of_tiles(tile: tuple[int, int, int], path: str) -> None:
    assert check.Tile(*tile).path == "data/record/tile/" + path
    assert check.is_known_file("data/record/tile/" + path)
