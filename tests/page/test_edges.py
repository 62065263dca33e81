"""Where two languages differ: numbers, text, time, white space. Both checkers answer alike.

The corpus has one case for each check; here are many texts for the checks that read text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import ReasonFlags

from support.browser import Checker
from support.forge import package as b
from support.forge import tokens
from support.forge.package import Earlier, Files, Package, Record
from tests.corpus.test_corpus import answer
from tests.page.test_parity import ALIKE

KEY, WITNESS = b.ARCHIVE.verifier(), b.STRANGER

#: JSON, canonical or not, one text after the other.
JSON_TEXTS = r"""
0 -0 00 01 -1 +1 1. .1 1.0 1e1 1E1 0x1 9007199254740991 9007199254740992 -9007199254740991
-9007199254740992 99999999999999999999 1_0 NaN Infinity - -a null nul true True false undefined
"" "a "a" "\n" "\u000a" "\u000b" "\u000B" "\u0008" "\b" "\f" "\u000c" "\r" "\t" "\u0009" "\u001f"
"\u0020" "\/" "/" "\"" "\u0022" "\\" "\u005c" "\a" "\u" "\u00" "\u00e9" "\ud83d\ude00" "\ud800"
"\u007f" "é" "😀" "'" 'a' [] [ ] [1 [1] [1,] [,1] [1,2] [1,2 [1}] [1]] [[]] [1[2]] //x 1//x
{} { } {"a":1} {"a":1 {"a" {"a": {"a":} {"a":1,} {,"a":1} {"a":1,"a":1} {"a":1,"b":2} {"b":1,"a":2}
{a:1} {1:1} {"a"1} {"a":1]} {"a",1} {"":1} {"":1,"a":1} {"1":1,"10":1,"2":1} {"10":1,"2":1,"1":1}
{"__proto__":1} {"constructor":{},"toString":[]} {"é":1,"z":1} {"z":1,"é":1} {"\u0000":1}
"""
MORE_TEXTS = (
    *('{"\ue000":1,"\U0001f600":1}', '{"\U0001f600":1,"\ue000":1}'),  # not in order of characters
    *(
        '"a b"',
        " 1",
        "1 ",
        '{"a": 1}',
        "\ufeff1",
        '"\x7f"',
        '"\ud800"',
        '"\x01"',
        '"\n"',
        '"\u2028"',
    ),
    *(n * "[" + n * "]" for n in (29, 30, 31, 32, 25_000)),
    *(n * '{"a":' + "1" + n * "}" for n in (29, 30, 31, 32)),
)
NAMES = (
    *("w", "é", "a\u00adb", "w\u200b", "w\u2028x", "\u3000", "\ufeffw", "\U0001d49c", "\ue000"),
    *("\U000e0001", "a/b", "\u00a0", "\u0301", "\u05d0", "🙂"),
)
SECONDS = (0, 1, 2**32, 253_402_300_799, 253_402_300_800, 2**53, 2**63, 2**64 - 1)
INSTANTS = (
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0000-01-01T00:00:00Z"),
    *("2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z"),
    *("2000-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z"),
    *("2026-01-01T24:00:00Z", "2026-01-01T23:60:00Z", "2026-01-01T00:00:60Z"),
    *("2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567Z", "\uff12026-01-01T00:00:00Z"),
    *("2026-01-01t00:00:00z", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00Z\n"),
)
TRUST = (
    *(
        f"{KEY}\r\n",
        f"\ufeff{KEY}",
        f"\ufeff\ufeff{KEY}",
        f"\t{KEY}\x1c\n\x85#x\n",
        f"\x0b{KEY}\u3000",
    ),
    *(f"{KEY}\u200b", f"\u2028{KEY}", "\ufeff# x\n" + KEY, f"{KEY}\ufeff", "", "#x", "\n \n"),
    *(KEY.replace("+", "+ ", 1), f"{KEY}\nx+y", f"{KEY}\n\n\u2014 x", f"block 1 {'0' * 160}"),
    *(f"block 01 {'0' * 160}", f"block 1234567890 {'0' * 160}", f"block 1 {'0' * 158}"),
    *("-----BEGIN", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
)
PEM = tokens.ROOT.pem.decode()
PEMS = (
    *(PEM.replace("\n", end) for end in ("\r\n", "\x85", " ", "\x1c", "\ufeff", "\n\n")),
    *(PEM + PEM, PEM + "garbage", "x" + PEM, PEM.replace("=", ""), PEM + "\x00"),
    *(PEM.replace("-----END", "=-----END"), PEM.replace("-----END", "A-----END")),
    *(PEM.replace("-----\n", "-----", 1), PEM.replace("CERTIFICATE", "X509 CRL")),
)
INFO = (
    *(
        "Witne\u017fsmark-Package: 2\n",
        "Witnessmar\u212a-pac\u212aage: 2\n",
        "w\u0131tnessmark-package\n",
    ),
    *("w\u0130tnessmark-package\n", "Witnessmark-Package\u00e9\n", "Witnessmark-Packages\n"),
    *("Witnessmark-Package_\n", "Witnessmark-Package-\n", "x\rWitnessmark-Package: 1\n"),
    *(
        "x\u2028Witnessmark-Package: 1\n",
        "payload-oxum: \n",
        "payload-oxum:1.1\n",
        " Payload-Oxum: 1.1\n",
    ),
    *(
        " Witnessmark-Package: 1\n",
        "\n",
        "x",
        "Witnessmark-Package: 1\r\n",
        "WITNESSMARK-PACKAGE:\n",
    ),
)
NOTES: tuple[Callable[[bytes], bytes], ...] = (
    lambda note: note[:-1],
    lambda note: note + b"\n",
    lambda note: note.replace(b"\n\n", b"\n"),
    lambda note: note.replace(b"\n\n", b"\n\n\n"),
    lambda note: note.replace(b"\n", b"\r\n"),
    lambda note: note.partition(b"\n\n")[0] + b"\n\n",
    lambda note: note.replace("\u2014".encode(), b"-"),
    lambda note: note.replace(b"\n\n", b"\n\n\n\n"),
    lambda note: note + "\u2014 w AAAA\n".encode(),
    lambda note: note + "\u2014 w AAAAAAA=\n".encode(),
    lambda note: note + "\u2014 w AAAAAAB=\n".encode(),
    lambda note: note + "\u2014 w AAAAAAA\n".encode(),
    lambda note: note + "\u2014 w  AAAAAAA=\n".encode(),
    lambda note: note + "\u2014 w AAAAAAA= \n".encode(),
    lambda note: note + 31 * "\u2014 w AAAAAAA=\n".encode(),
    lambda note: note + 32 * "\u2014 w AAAAAAA=\n".encode(),
    lambda note: note + b"\xff\n",
    lambda note: b"\xef\xbb\xbf" + note,
    lambda note: note.replace(b"\n1\n", b"\n01\n"),
    lambda note: note.replace(b"\n1\n", b"\n1\nx\n"),
    lambda note: note.replace(b"\n1\n", b"\n12345678901234567\n"),
)


def small() -> Record:
    """A record of its genesis alone: quick to check."""
    made = Record()
    made.add("genesis/1", b.genesis(), b.ANNA)
    return made


def package(record: Record, **more: Any) -> Package:
    return Package(record, objects=[], attachments=[], disclosures=[], **more)


def both(checker: Checker, path: Path, trust: Sequence[bytes] = ()) -> tuple[list[Any], list[Any]]:
    """What each of the two says."""
    try:
        theirs = json.loads(answer(path, tuple(trust)).to_json())
    except (ValueError, OSError, OverflowError):  # `main` of check.py answers so
        nothing = {"reports": [], "existed_by": None, "counts": {}, "file": None}
        theirs = {"outcome": "refused", "code": "error", **nothing}
    ours = checker.check(path, trust, worker=False)
    return [ours[name] for name in ALIKE], [theirs[name] for name in ALIKE]


def alike(checker: Checker, tmp_path: Path, packages: Iterable[tuple[object, Package]]) -> None:
    """Both say the same of every package."""
    for number, (what, made) in enumerate(packages):
        keys = [f"{KEY}\n{WITNESS.witness()}\n".encode()]
        ours, theirs = both(checker, made.write(tmp_path / str(number)), keys)
        assert ours == theirs, what


def with_entry(text: str) -> Record:
    made = small()
    made.entries.append(text.encode("utf-8", "surrogatepass"))
    return made


def test_json(checker: Checker, tmp_path: Path) -> None:
    by, at = b.ARCHIVE.id, b.AT
    form = '{"about":[],"at":"%s","by":"%s","fields":{"x":%s},"type":"weather.noted/1"}'
    texts = [*JSON_TEXTS.split(), *MORE_TEXTS]
    made = [(text, package(with_entry(form % (at, by, text)))) for text in texts]
    whole = form % (at, by, "1")
    made += [(text, package(with_entry(text))) for text in (whole + " ", "[]", "1", "", whole * 2)]
    alike(checker, tmp_path, made)


def test_times(checker: Checker, tmp_path: Path) -> None:
    for number, at in enumerate(INSTANTS):
        record = small()
        record.add("weather.noted/1", {}, at=at)
        alike(checker, tmp_path / str(number), [(at, package(record, cosigners=[WITNESS.cosign]))])


def test_times_of_witnesses(checker: Checker, tmp_path: Path) -> None:
    def lines(seconds: int) -> Callable[[bytes], bytes]:
        return lambda text: WITNESS.cosign(text, seconds)

    made = [(seconds, Package(cosigners=[lines(seconds)])) for seconds in SECONDS]
    alike(checker, tmp_path, made)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_keys(checker: Checker, tmp_path: Path, name: str) -> None:
    made = package(small(), cosigners=[lambda text: WITNESS.cosign(text, name=name)])
    keys = f"{KEY}\n{WITNESS.witness(name)}\n".encode()
    ours, theirs = both(checker, made.write(tmp_path / "p"), [keys])
    assert ours == theirs


def test_trust_files(checker: Checker, tmp_path: Path) -> None:
    path = package(small()).write(tmp_path / "p")
    for data in (*(text.encode() for text in TRUST), b"\xff", b"\xef\xbb", b"\x00"):
        ours, theirs = both(checker, path, [data])
        assert ours == theirs, data


def test_pem(checker: Checker, tmp_path: Path) -> None:
    stamped = {1: Earlier(stamps={"a.tsr": tokens.Token().response})}
    path = package(small(), earlier=stamped).write(tmp_path / "p")
    for text in PEMS:
        ours, theirs = both(checker, path, [text.encode()])
        assert ours == theirs, text


def test_bag_info(checker: Checker, tmp_path: Path) -> None:
    def added(line: str, *, first: bool) -> Callable[[Files], None]:
        def bend(files: Files) -> None:
            info = files["bag-info.txt"]
            files["bag-info.txt"] = line.encode() + info if first else info + line.encode()

        return bend

    alike(
        checker,
        tmp_path,
        [
            ((line, first), package(small(), bend_tags=added(line, first=first)))
            for line in INFO
            for first in (True, False)
        ],
    )


def test_notes(checker: Checker, tmp_path: Path) -> None:
    def bent(bend: Callable[[bytes], bytes]) -> Callable[[Files], None]:
        return lambda files: files.update({b.CHECKPOINT: bend(files[b.CHECKPOINT])})

    alike(
        checker,
        tmp_path,
        [(n, package(small(), bend_payload=bent(bend))) for n, bend in enumerate(NOTES)],
    )


def test_two_receipts_of_our_own_word(checker: Checker, tmp_path: Path) -> None:
    """Nothing is wrong with the second but that there is a first."""
    record = small()
    made = {"objects": [], "method": "courier"}
    made |= {name: b.protect(name, "x") for name in ("reason", "to_whom")}
    transfer = record.add("custody.transferred/1", made, b.ANNA)
    for at in (b.AT, "2026-01-05T00:00:00Z"):
        record.add("custody.receipted/1", {"transfer": transfer, "received_at": at}, b.ANNA)
    ours, theirs = both(checker, package(record).write(tmp_path / "p"))
    assert ours == theirs
    assert ours[1] == "receipt"


FOLDERS: tuple[Callable[[Path], object], ...] = (
    lambda p: ((p / "bagit.txt").unlink(), (p / "bagit.txt").mkdir()),
    lambda p: ((p / b.ENTRIES).unlink(), (p / b.ENTRIES).mkdir()),
    lambda p: (p / "data" / "record" / "tile" / "00").mkdir(),
    lambda p: (p / "data" / "checkpoints" / "7").mkdir(parents=True),
    lambda p: (p / "data" / "checkpoints" / "07").mkdir(parents=True),
    lambda p: (p / "more" / "a b").mkdir(parents=True),
    lambda p: (p / "data" / "a b").mkdir(),
    lambda p: ((p / "data").rename(p / "date"), (p / "data").write_text("x")),
    lambda p: ((p / "data").rename(p / "date"), (p / "data").mkdir()),
)


@pytest.mark.parametrize("number", range(len(FOLDERS)))
def test_folders(checker: Checker, tmp_path: Path, number: int) -> None:
    path = package(small()).write(tmp_path / "p")
    FOLDERS[number](path)
    ours, theirs = both(checker, path)
    assert ours == theirs


def places(data: bytes, start: int = 0, end: int | None = None) -> Iterable[int]:
    """Where the elements of DER begin, inside octet strings too where they hold more of it."""
    at, end = start, len(data) if end is None else end
    while at + 1 < end:
        size, inner = data[at + 1], at + 2
        if size >= 128:
            count = size & 127
            size, inner = int.from_bytes(data[inner : inner + count], "big"), inner + count
        if inner + size > end:
            return
        yield at
        if data[at] & 0x20 or (data[at] == 4 and data[inner : inner + 1] == b"\x30"):
            yield from places(data, inner, inner + size)
        at = inner + size


#: An element's tag, its length, or the first byte of its value becomes another.
DER_EDITS: tuple[tuple[int, Callable[[int], bytes]], ...] = (
    (0, lambda tag: bytes([tag ^ 1])),
    (0, lambda tag: bytes([tag | 31])),
    (0, lambda tag: bytes([tag ^ 0x20])),
    (1, lambda size: b"\x80"),
    (1, lambda size: bytes([0x81, size & 127])),
    (1, lambda size: bytes([size - 1 & 255])),
    (1, lambda size: b""),
    (2, lambda first: bytes([first ^ 0x80])),
    (2, lambda first: b"\x00" + bytes([first])),
    (2, lambda first: b""),
)


def edited(whole: bytes, *, every: bool) -> Iterable[bytes]:
    """DER with one of its elements bent: each in every way, or each in one."""
    for number, place in enumerate(places(whole)):
        for offset, edit in DER_EDITS if every else [DER_EDITS[number % len(DER_EDITS)]]:
            at = place + offset
            yield whole[:at] + edit(whole[at] if at < len(whole) else 0) + whole[at + 1 :]


STAMPER = tokens.Authority("Stamper at the root", issuer=tokens.ROOT, use="stamp")


def test_der_of_tokens(checker: Checker, tmp_path: Path, torture: bool) -> None:
    record, roots = small(), tokens.ROOT.pem + tokens.ROOT.revocations()
    whole = tokens.Token(STAMPER, extra=()).response(record.text())
    for number, bent in enumerate(edited(whole, every=torture)):
        stamped = {1: Earlier(stamps={"a.tsr": lambda _, bent=bent: bent})}
        path = package(record, earlier=stamped).write(tmp_path / str(number))
        ours, theirs = both(checker, path, [roots])
        assert ours == theirs, number


def test_der_of_revocation_lists(checker: Checker, tmp_path: Path, torture: bool) -> None:
    stamped = {1: Earlier(stamps={"a.tsr": tokens.Token(STAMPER, extra=()).response})}
    path = package(small(), earlier=stamped).write(tmp_path / "p")
    pem = tokens.ROOT.revocations([(tokens.MIDDLE, tokens.WHEN, ReasonFlags.key_compromise)])
    whole = base64.b64decode("".join(pem.decode().splitlines()[1:-1]))
    for number, bent in enumerate(edited(whole, every=torture)):
        text = base64.b64encode(bent).decode()
        lists = f"-----BEGIN X509 CRL-----\n{text}\n-----END X509 CRL-----\n".encode()
        ours, theirs = both(checker, path, [tokens.ROOT.pem + lists])
        assert ours == theirs, number
