"""The checker against packages made by hand: what holds, and every way to be refused."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from support.forge import package as b
from support.forge.package import Files, Package, Record, Signer
from tests.corpus.case import OBJECT, VIDEO, flip, long_record, with_key_history
from tests.corpus.cases import CASES
from tests.corpus.records import ENTRY, NON_CANONICAL, SMALL_ORDER
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


@pytest.mark.parametrize("size", [255, 256, 257, 300, 511, 512, 770])
def test_tiles_of_every_shape_hold(tmp_path: Path, size: int) -> None:
    assert run(Package(long_record(size)).write(tmp_path / "p")).outcome == "not_checked"


def test_a_part_of_a_large_record_holds(tmp_path: Path) -> None:
    package = Package(long_record(66_000), included={*range(13), 700, 65_535, 65_999})
    report = run(package.write(tmp_path / "p"))
    assert report.outcome == "not_checked", report.sentence
    assert report.counts["tiles"] == 7  # 0, 2, 255 and the edge; full and edge of level 1; level 2
    assert report.reports["absent_entries"] == 65_984


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


def codes_of_the_page() -> set[str]:
    table = PACKAGE_PAGE.read_text("utf-8").partition("| code |")[2].partition("Reported, not")[0]
    cells = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    return {code for cell in cells for code in re.findall(r"`(\w+)`", cell)}


def test_every_code_of_the_page_is_tried_and_no_other() -> None:
    # `error` is no attack: it is what a failing disk gives, tried below
    tried = {case.code for case in CASES if case.code}
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
