"""The model stands on the standard library alone, and every entry type has its rules."""

from __future__ import annotations

import ast
import dataclasses
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from witnessmark.errors import BadRecord
from witnessmark.model import STATEMENTS, Entry, Protected, RunRecorded, Tally
from witnessmark.model.json import name_from_json, name_to_json
from witnessmark.model.statement import Statement, says

MODEL = ROOT / "src" / "witnessmark" / "model"
ALLOWED = (*sys.stdlib_module_names, "witnessmark.model", "witnessmark.errors")
DIGITS = "ab" * 32


@pytest.mark.parametrize("path", sorted(MODEL.glob("*.py")), ids=lambda path: path.name)
def test_the_model_imports_the_standard_library_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            assert name.startswith(("witnessmark.model", "witnessmark.errors")) or (
                name.partition(".")[0] in sys.stdlib_module_names
            ), f"{path.name} imports {name}"


SAMPLES: dict[object, object] = {
    "Token": "word",
    "Sha256": DIGITS,
    "Instant": "2026-01-02T03:04:05Z",
    "PublicText": "Some text.",
    "Protected": {"protected": DIGITS},
    "KeyId": "key:" + "0" * 32,
    "int": 3,
    "bool": True,
}


def sample(kind: type) -> dict[str, object]:
    """Fields of a statement, made from its annotations alone."""
    hints = {f.name: str(f.type) for f in dataclasses.fields(kind) if f.name != "other"}
    nested = {cls.__name__: cls for cls in _nested_types()}

    def value(hint: str) -> object:
        hint = hint.removesuffix(" | None").strip()
        if hint.startswith("tuple["):
            return [value(hint[6:].partition(",")[0])]
        if hint.startswith("Mapping["):
            return {"key": value(hint[8:-1].partition(",")[2].strip())}
        return SAMPLES[hint] if hint in SAMPLES else sample(nested[hint])

    found = {name: value(hint) for name, hint in hints.items()}
    if kind is Tally:
        found |= {"seen": 15}  # five outcomes of three
    return found


def _nested_types() -> list[type]:
    """Every dataclass of the model's modules that is no statement of its own."""
    found = {
        each
        for module in sys.modules.values()
        if module is not None and module.__name__.startswith("witnessmark.model.")
        for each in vars(module).values()
        if dataclasses.is_dataclass(each) and isinstance(each, type)
    }
    return [each for each in found if not issubclass(each, Statement)]


@pytest.mark.parametrize("kind", STATEMENTS.values(), ids=lambda kind: kind.TYPE)
def test_every_statement_survives_a_round_trip(kind: type[Statement]) -> None:
    fields = sample(kind)
    assert kind.read(fields).fields() == fields
    unknown = {**fields, "from_the_future": {"x": [1, None]}}
    assert kind.read(unknown).fields() == unknown


@pytest.mark.parametrize("kind", STATEMENTS.values(), ids=lambda kind: kind.TYPE)
def test_a_protected_field_never_takes_the_value_itself(kind: type[Statement]) -> None:
    for name in kind.protected_fields():
        for value in ("a name", {"protected": "a name"}, {"protected": DIGITS, "value": "a name"}):
            with pytest.raises(BadRecord):
                kind.read({**sample(kind), name: value})


def test_a_type_without_a_field_rule_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="no field rule"):

        @says("careless.said/1")
        class Careless(Statement):
            name: str

    assert "careless.said/1" not in STATEMENTS


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_required_fields_are_required(name: str) -> None:
    kind = STATEMENTS[name]
    for field in dataclasses.fields(kind):
        required = field.default is field.default_factory is dataclasses.MISSING
        if required:
            fields = sample(kind)
            del fields[field.name]
            with pytest.raises(BadRecord, match=field.name):
                kind.read(fields)


def test_a_tally_that_does_not_sum_is_refused() -> None:
    with pytest.raises(BadRecord, match="sum"):
        Tally(seen=3, stored=1)
    assert RunRecorded.read(sample(RunRecorded)).tally.seen == 15


def test_unknown_types_and_members_survive() -> None:
    members = {
        "type": "future.said/7",
        "by": "key:" + "0" * 32,
        "about": [],
        "fields": {"anything": [1, {"x": None}]},
        "new_member": "kept",
    }
    entry = Entry.read(members)
    assert entry.statement() is None
    assert entry.members() == members


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("type", "Sighting"),
        ("by", "Jane"),
        ("about", ["somewhere"]),
        ("at", "yesterday"),
        ("signature", "abc"),
        ("fields", []),
    ],
)
def test_malformed_members_are_refused(member: str, value: object) -> None:
    good = {"type": "future.said/7", "by": "key:" + "0" * 32, "about": [], "fields": {}}
    Entry.read(good)
    with pytest.raises(BadRecord):
        Entry.read({**good, member: value})


@given(st.binary(min_size=1, max_size=60).filter(lambda raw: b"\0" not in raw))
def test_any_file_name_survives(raw: bytes) -> None:
    import os

    assert name_from_json(name_to_json(os.fsdecode(raw))) == raw


def test_protected_knows_only_the_commitment() -> None:
    assert dataclasses.fields(Protected)[0].name == "commitment"
    assert len(dataclasses.fields(Protected)) == 1
