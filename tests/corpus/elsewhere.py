"""What the reader knows from elsewhere: keys, checkpoints that others saw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.forge import package as b
from support.forge import zips
from support.forge.package import Earlier, Package, Record
from tests.corpus.case import (
    ARCHIVE_KEY,
    Case,
    add,
    bent,
    long_record,
    put,
    register,
    replace,
    with_key_history,
    zipped,
)
from tests.corpus.seals import forked


def answered(
    name: str, outcome: str, make: Callable[[Path], Path], *trust: bytes, **more: object
) -> None:
    add(Case(name, outcome, make, trust=trust, **more))  # type: ignore[arg-type]


def plain(path: Path) -> Path:
    return Package().write(path)


# Whose record it is

answered("the_archives_key", "holds", plain, ARCHIVE_KEY, without=("needs_archive_key",))
answered("no_key", "not_checked", plain, reports=("needs_archive_key",))
answered("only_a_witness_key", "not_checked", plain, b.Signer(31).witness().encode())
answered(
    "keys_with_words_around",
    "holds",
    plain,
    b"\xef\xbb\xbf# the archive\r\n\r\n  " + ARCHIVE_KEY + b"\r\n" + b.STRANGER.verifier().encode(),
)
answered("key_in_its_own_file", "holds", plain, b.STRANGER.verifier().encode(), ARCHIVE_KEY)
for name, trust in {
    "trust_is_empty": b"# nothing\n",
    "trust_is_words": b"believe me\n",
    "trust_is_no_text": b"\xff\xfe\0",
    "trust_is_half_a_certificate": b"-----BEGIN CERTIFICATE-----\nAAAA\n",
    "trust_is_a_private_key": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "trust_is_no_certificate": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
}.items():
    answered(name, "use", plain, trust)
WEAK = bytes([1]) + bytes(31)
for name, code, key in (
    ("weak_key_given", "weak_key", b.verifier_key(b.ORIGIN, WEAK)),
    ("weak_witness_given", "weak_key", b.verifier_key("w.example", WEAK, 4)),
    ("malformed_key_given", "key", "not+a+key"),
    ("key_of_another_kind", "key", b.verifier_key(b.ORIGIN, b.ARCHIVE.public, 2)),
    ("key_of_another_name", "trust", b.ARCHIVE.verifier("somebody.else")),
    ("key_given_with_another_id", "key", b.ARCHIVE.verifier().replace("+", "+0", 1)),
):
    register(name, code, plain, trust=(key.encode(),))
#: Two keys whose four-byte ids are the same under the origin as their name.
TWIN, OTHER_TWIN = b.Signer(21423), b.Signer(48131)
assert TWIN.verifier().split("+")[1] == OTHER_TWIN.verifier().split("+")[1]


def of_the_twin(path: Path) -> Path:
    made = Record(archive=TWIN)
    made.add("genesis/1", b.genesis() | {"archive_key": TWIN.verifier()}, b.ANNA)
    made.add("object.stored/1", b.stored(b.VIDEO))
    return Package(made, [b.VIDEO], [], []).write(path)


register("key_id_collision", "key", of_the_twin, trust=(OTHER_TWIN.verifier().encode(),))


def history(path: Path) -> Path:
    return Package(with_key_history()).write(path)


answered("keys_that_changed_old", "holds", history, ARCHIVE_KEY, reports=("suspect",))
answered("keys_that_changed_new", "holds", history, b.NEW_ARCHIVE.verifier().encode())
register("keys_that_changed_other", "trust", history, trust=(b.STRANGER.verifier().encode(),))


def revoked_archive(made: Record) -> None:
    """The old archive key is revoked after the change: nobody may trust it any more."""
    old = {"key": b.ARCHIVE.id, "reason": "stolen", "suspect_after": 13}
    made.add("key.revoked/1", old, b.ANNA)


def history_revoked(path: Path) -> Path:
    made = with_key_history()
    revoked_archive(made)
    return Package(made).write(path)


register("key_given_was_revoked", "trust", history_revoked, trust=(ARCHIVE_KEY,))
answered("after_a_revocation", "holds", history_revoked, b.NEW_ARCHIVE.verifier().encode())

# Checkpoints that somebody saw


def sealed_later(path: Path) -> Path:
    """The record has grown by two entries before the seal."""
    later = b.record()
    later.add("weather.noted/1", {"sky": "grey"})
    return Package(sealed_in=later, earlier={5: Earlier()}).write(path)


def note(made: Record, size: int | None = None, signer: b.Signer = b.ARCHIVE) -> bytes:
    return b.sign_note(made.text(size), signer)


HEAD = note(b.record())
answered(
    "seen_the_head", "holds", sealed_later, ARCHIVE_KEY, HEAD, without=("needs_seen_checkpoint",)
)
answered("seen_an_earlier_one", "holds", sealed_later, ARCHIVE_KEY, note(b.record(), 5))
answered(
    "seen_one_of_a_size_that_is_not_here",
    "not_checked",
    sealed_later,
    *(ARCHIVE_KEY, note(b.record(), 7)),
    reports=("needs_consistency",),
)
OTHER_ORIGIN = Record(list(b.record().entries), origin="witnessmark/0000000000000000")
answered(
    "seen_one_of_another_record",
    "holds",
    sealed_later,
    *(ARCHIVE_KEY, b.sign_note(OTHER_ORIGIN.text(), b.ARCHIVE)),
    reports=("needs_seen_checkpoint",),
)
FORK = forked()
register("seen_a_fork", "fork", sealed_later, trust=(ARCHIVE_KEY, note(FORK)))
register("seen_a_larger_one", "rollback", sealed_later, trust=(ARCHIVE_KEY, note(long_record(20))))
register(
    "seen_by_a_stranger", "unsigned", plain, trust=(ARCHIVE_KEY, note(b.record(), None, b.STRANGER))
)
REPLAYED = note(b.record(), 12).split(b"\n\n")[1]
register(
    "seen_with_a_wrong_signature",
    "signature",
    plain,
    trust=(ARCHIVE_KEY, b.record().text() + b"\n" + REPLAYED),
)
register("seen_is_no_note", "note", plain, trust=(ARCHIVE_KEY, HEAD[:-1]))


def replayed(files: b.Files) -> None:
    """The signature stands on another checkpoint of the same archive."""
    files[b.CHECKPOINT] = b.record().text() + b"\n" + REPLAYED


register("signature_replayed", "signature", bent(replayed, "payload"))

# Bad input that is no attack: another version, another archive, a stick pulled out

register(
    "newer_version",
    "newer_version",
    bent(replace("bag-info.txt", b"Package: 1", b"Package: 2"), "tags"),
)


def newer(files: b.Files) -> None:
    """A later format may know files that this one does not."""
    files["bag-info.txt"] = files["bag-info.txt"].replace(b"Package: 1", b"Package: 7")
    files["letter.txt"] = b"of format 7"


register("newer_version_with_new_files", "newer_version", bent(newer, "tags"))
for name, new in {
    "no_version": b"Other: 1",
    "version_zero": b"Witnessmark-Package: 0",
    "version_is_a_word": b"Witnessmark-Package: one",
    "two_versions": b"Witnessmark-Package: 1\nWitnessmark-Package: 1",
}.items():
    register(
        name, "bag_info", bent(replace("bag-info.txt", b"Witnessmark-Package: 1", new), "tags")
    )


def half_copied(path: Path) -> Path:
    Package().write(path)
    for file in sorted((path / "data" / "objects").iterdir()):
        file.unlink()
    return path


register("half_a_copy", "missing_file", half_copied)


def half_a_file(path: Path) -> Path:
    Package().write(path)
    file = path / "data/objects" / b.sha256(b.VIDEO)
    file.write_bytes(file.read_bytes()[:500])
    return path


register("half_a_file", "payload_hash", half_a_file)


def encrypted(path: Path) -> Path:
    path = path.with_suffix(".age")
    path.write_bytes(b"age-encryption.org/v1\n-> X25519 " + b"A" * 43)
    return path


register("package_for_another_key", "not_a_package", encrypted)
answered(
    "renamed", "holds", lambda path: Package().write(path.with_name("some other name")), ARCHIVE_KEY
)

# ZIPs that hold

answered("as_one_file", "holds", zipped(), ARCHIVE_KEY)


def utf8_flag(members: list[zips.Item]) -> None:
    for item in members:
        item.flags, item.mode = 0x0800, 0


answered("as_one_file_by_another_program", "holds", zipped(utf8_flag), ARCHIVE_KEY)
answered(
    "as_one_file_in_another_order",
    "holds",
    zipped(lambda members: members.reverse()),
    ARCHIVE_KEY,
)

# Disclosures: none, some, all

ALL = Package().disclosures
answered(
    "disclosed_none",
    "holds",
    lambda p: Package(disclosures=[]).write(p),
    ARCHIVE_KEY,
    reports=("not_disclosed",),
)
answered(
    "disclosed_some",
    "holds",
    lambda p: Package(disclosures=ALL[:1]).write(p),
    ARCHIVE_KEY,
    reports=("not_disclosed",),
)

# Second persons, unknown things


def seconded(path: Path) -> Path:
    made = b.record()
    made.add("value.erased/1", b.seconded("value.erased/1", b.BOHDAN, b.BOHDAN), b.ANNA)
    return Package(made).write(path)


answered("second_person_signed", "holds", seconded, ARCHIVE_KEY)
answered("alone", "holds", plain, ARCHIVE_KEY, reports=("alone", "findings", "unknown_entries"))


def unknown_members(path: Path) -> Path:
    made = b.record()
    made.add("object.stored/1", {**b.stored(b.VIDEO), "colour": {"deep": [1]}}, later="yes")
    return Package(made).write(path)


answered("unknown_members", "holds", unknown_members, ARCHIVE_KEY)


def part_of_a_large_record(path: Path) -> Path:
    return Package(long_record(700), included={*range(13), 300}).write(path)


answered(
    "part_of_a_large_record",
    "holds",
    part_of_a_large_record,
    ARCHIVE_KEY,
    reports=("absent_entries",),
)

# 11, 47, 66 to 68: what is inside, and what a report must never seem to say


def valid_finding(path: Path) -> Path:
    made = b.record()
    fields = {**b.statements()["finding.recorded/1"], "check": "c2pa", "values": {"state": "Valid"}}
    made.add("finding.recorded/1", fields)
    return Package(made).write(path)


answered("c2pa_valid", "holds", valid_finding, ARCHIVE_KEY, reports=("findings",))


def with_web_archive(data: bytes, forged: bytes) -> Callable[[Path], Path]:
    """The seal is of the true web archive; file, name and manifests are of the forged one."""

    def package(content: bytes) -> Package:
        made = b.record()
        fields = {**b.statements()["sighting.recorded/1"], "attachments": [b.blob(content)]}
        made.add("sighting.recorded/1", fields)
        return Package(made, attachments=[content])

    def make(path: Path) -> Path:
        false = package(data)
        false.attachments = [forged]
        false.bend_files = put(b.SEAL, package(data).files()[b.SEAL])
        return false.write(path)

    return make


WARC = b"WARC/1.1\r\nWARC-Type: response\r\nWARC-Payload-Digest: sha256:%b\r\n\r\n%b\r\n\r\n"


def warc(text: bytes) -> bytes:
    return WARC % (b.sha256(text).encode(), text)


PACKAGE_JSON = b'{"profile":"data-package","created":"%b","resources":[]}'


def wacz(created: bytes = b"2026-01-02T00:00:00Z", *, digest: bool = True) -> dict[str, bytes]:
    listed = PACKAGE_JSON % created
    files = {"datapackage.json": listed, "archive/data.warc": warc(b"<p>what was said</p>")}
    if digest:
        said = b.canonical({"path": "datapackage.json", "hash": f"sha256:{b.sha256(listed)}"})
        files["datapackage-digest.json"] = said
    return files


def packed(files: dict[str, bytes]) -> bytes:
    return b"".join(item.local() for item in zips.items(files))


TRUE = packed(wacz())
for name, real, forged_archive in (
    ("warc_edited", warc(b"<p>what was said</p>"), warc(b"<p>what was not</p>")),
    ("wacz_without_digest", TRUE, packed(wacz(digest=False))),
    ("wacz_backdated", TRUE, packed(wacz(b"2019-01-02T00:00:00Z"))),
):
    register(name, "tagmanifest", with_web_archive(real, forged_archive))
