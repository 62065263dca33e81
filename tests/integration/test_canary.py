"""The canary, by construction: every entry type there is takes canaries in its protected fields.

A new type is tried without a line here. If it cannot be made from its annotations alone, or the
record's door does not take it, its test fails and it is given the values it needs below.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CHEAP, SCOPE, SECRET
from tests.integration.test_collecting import collect, folder, size  # noqa: F401 - a fixture
from witnessmark.archive import (
    Archive,
    auditing,
    backing_up,
    checking,
    custodying,
    protecting,
)
from witnessmark.custody.vault import commitments
from witnessmark.errors import Erased
from witnessmark.model import STATEMENTS, CustodyTransferred, Genesis, Protected, Tally
from witnessmark.model.statement import Instant, KeyId, PublicText, Sha256, Statement, Token

KEY = base64.b64encode(bytes(range(32))).decode("ascii")
#: Values that only the record's own order gives: which transfer, whose place, whose key.
GIVEN: Mapping[str, Callable[[Archive], Mapping[str, Any]]] = {
    "sighting.recorded/1": lambda _: {"run": "0" * 32, "place": "1" * 32, "content": "2" * 32},
    "run.recorded/1": lambda _: {"run": "0" * 32, "tally": Tally(seen=0)},
    "person.added/1": lambda _: {"key": KEY},
    "value.disclosed/1": lambda _: {"second": "alone"},
    "value.erased/1": lambda _: {"second": "alone"},
    "object.disposed/1": lambda _: {"second": "alone"},
    "key.rotated/1": lambda _: {"use": "person", "old": KEY, "new": KEY},
    "custody.receipted/1": lambda archive: {
        "transfer": custodying.transfer(
            archive, [_object(archive)], to_whom="x", reason="x", method="other"
        ).index
    },
}


def _object(archive: Archive) -> str:
    return archive.queries.objects()[0].sha256


def canary(kind: type[Statement], field: str) -> str:
    """Words that stand nowhere else, one for each protected field of each type."""
    return f"Zhirayr Canaryan of {kind.TYPE} {field}, +374 55 010 203"


def spellings(text: str) -> Iterable[bytes]:
    """The forms in which text may lie in a file."""
    for plain in (text, text.upper(), text.lower()):
        raw = plain.encode()
        yield from (raw, plain.encode("utf-16-le"), raw.hex().encode(), raw[::-1])
        yield json.dumps(plain).encode()
        for shift in range(3):  # base64 of text that begins at any place
            yield base64.b64encode(b" " * shift + raw)[4 * bool(shift) : -4]


def everything(*folders: Path) -> bytes:
    files = (p for each in folders for p in sorted(each.rglob("*")))
    return b"\0".join(str(p).encode() + b"\0" + p.read_bytes() for p in files if p.is_file())


def found(texts: Iterable[str], *folders: Path) -> list[str]:
    data = everything(*folders)
    return [text for text in texts if any(form in data for form in spellings(text))]


def build(archive: Archive, kind: type[Statement]) -> Statement:
    """A statement with canaries in all protected fields, from its annotations."""
    hints = typing.get_type_hints(kind)
    plain = {
        Token: "word",
        Sha256: _object(archive),
        KeyId: "key:" + "0" * 32,
        Instant: "2026-01-02T03:04:05Z",
        PublicText: "Some text.",
        int: 0,
        bool: True,
    }

    def value(hint: Any, name: str) -> Any:
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin in (types.UnionType, typing.Union):
            return value(next(each for each in args if each is not type(None)), name)
        if origin is tuple:
            return (value(args[0], name),)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"key": value(args[1], name)}
        if hint is Protected:
            return archive.protect(name, canary(kind, name))
        return plain[hint] if hint in plain else inside(hint)

    def inside(nested: type) -> Any:
        own = typing.get_type_hints(nested)
        names = [field.name for field in dataclasses.fields(nested)]
        return nested(**{name: value(own[name], name) for name in names})

    given = GIVEN.get(kind.TYPE, lambda _: {})(archive)
    names = [field.name for field in dataclasses.fields(kind) if field.name != "other"]
    made = {name: given[name] if name in given else value(hints[name], name) for name in names}
    return kind(**made)


@pytest.fixture
def filled(archive: Archive, folder: Path) -> Archive:  # noqa: F811 - the fixture
    collect(archive, folder)
    return archive


@pytest.mark.parametrize("kind", STATEMENTS.values(), ids=lambda kind: kind.TYPE)
def test_no_canary_sings(filled: Archive, kind: type[Statement], tmp_path: Path) -> None:
    if kind is Genesis:
        pytest.skip("a record has one; its person is in the test below")
    index = filled.say(build(filled, kind), (f"sha256:{_object(filled)}",)).index
    refs = commitments(filled.journal.entry(index))
    assert refs.keys() == kind.protected_fields(), "a protected field was not filled"
    canaries = [canary(kind, name) for name in refs]
    for name, ref in refs.items():
        assert filled.vault.open(ref).value == canary(kind, name)
    copy = tmp_path / "copy"
    backing_up.backup(filled, copy)
    assert found(canaries, filled.folder, copy) == []
    assert filled.rebuild()[1]
    if not refs:
        return
    sealed = {filled._rows.value(bytes.fromhex(ref.commitment)) for ref in refs.values()}
    assert None not in sealed
    data = everything(filled.folder)
    assert all(each and each[:32] in data for each in sealed)  # the search below can find
    protecting.erase(filled, index, [], "asked for")
    data = everything(filled.folder)
    assert not any(each and each[:32] in data for each in sealed)
    assert found(canaries, filled.folder) == []
    for ref in refs.values():
        with pytest.raises(Erased):
            filled.vault.open(ref)
    backing_up.backup(filled, copy)
    data = everything(copy)
    assert not any(each and each[:32] in data for each in sealed)


def test_nor_does_the_one_of_the_genesis(tmp_path: Path) -> None:
    words = canary(Genesis, "person_name")
    with Archive.create(tmp_path / "archive", SCOPE, words, SECRET, CHEAP) as archive:
        assert {"person_name"} == Genesis.protected_fields()
        assert found([words], archive.folder) == []
        protecting.erase(archive, 0, [], "asked for")
        assert found([words], archive.folder) == []
        assert checking.check(archive).problems == []


@pytest.mark.parametrize("place", ["a log", "a file's name", "a spelling"])
def test_the_search_finds(tmp_path: Path, place: str) -> None:
    words = canary(Genesis, "person_name")
    if place == "a file's name":
        (tmp_path / words.replace("/", "")).write_text("x")
        words = words.replace("/", "")
    else:
        text = words if place == "a log" else base64.b64encode(f"ab{words}cd".encode()).decode()
        (tmp_path / "x.log").write_text(f"before {text} after")
    assert found([words], tmp_path) == [words]


def test_attachments_of_audits_and_paths_of_backups_do_not_sing(
    filled: Archive, tmp_path: Path
) -> None:
    place = tmp_path / "Zhirayr Canaryan's stick"
    backing_up.backup(filled, place)
    for row in filled.queries.objects():
        (place / "objects" / row.sha256[:2] / row.sha256).unlink()
    auditing.audit(filled, repair=False)
    custodying.transfer(
        filled,
        [_object(filled)],
        to_whom=canary(CustodyTransferred, "to_whom"),
        reason=canary(CustodyTransferred, "reason"),
        method="other",
    )
    words = ["Zhirayr Canaryan", canary(CustodyTransferred, "to_whom")]
    assert found(words, filled.folder, place / "objects") == []
    for file in (place / "archive.db", place / "private.db"):
        assert b"Zhirayr" not in file.read_bytes()


def test_looking_leaves_nothing_in_the_record(filled: Archive) -> None:
    """Who looked at what belongs to them (design, section 5)."""
    before, name = size(filled), _object(filled)
    body = (filled.folder / "archive.db").read_bytes()
    custodying.chain(filled, name)
    checking.check(filled)
    filled.queries.sightings(name)
    for recorded in filled.journal.read():
        for ref in commitments(recorded).values():
            filled.vault.open(ref)
    with filled.blobs.open(name) as file:
        file.read()
    assert size(filled) == before
    assert (filled.folder / "archive.db").read_bytes() == body
