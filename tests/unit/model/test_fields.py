"""One table of field rules: the code's annotations and spec/entry.md say the same."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping

import pytest

from tests.conftest import ROOT
from witnessmark.model import STATEMENTS
from witnessmark.model.fields import Rule, protected, rules, table
from witnessmark.model.statement import Protected, Statement, Token, says

PAGE = (ROOT / "spec" / "entry.md").read_text()


def split(text: str, mark: str) -> Iterator[str]:
    """Parts of `text` between marks that stand in no braces."""
    depth, part = 0, ""
    for letter in text:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == mark and depth == 0:
            yield part.strip()
            part = ""
        else:
            part += letter
    yield part.strip()


def read(text: str) -> dict[str, Rule]:
    """The rules in a cell of the page; kinds that it leaves out are ``."""
    found = {}
    for group in split(text, ";"):
        head, *rest = split(group, ":")
        kind, many, members = "", False, ()
        if rest:
            body = ":".join(rest)
            if body.startswith("{"):
                inside, _, tail = body[1:].rpartition("}")
                many, members = tail.startswith("[]"), tuple(read(inside).values())
                kind = "table" if [each.name for each in members] == ["token"] else "object"
            else:
                word = body.split()[0].rstrip(",")
                many, kind = word.endswith("[]"), word.removesuffix("[]")
        for name in split(head, ","):
            plain = name.removesuffix("[]").removesuffix("?")
            assert re.fullmatch(r"[a-z0-9_]+", plain), f"{name!r} in {text!r}"
            each = many or name.endswith("[]")
            found[plain] = Rule(plain, kind, name.endswith("?"), each, members)
    return found


def on_the_page() -> Mapping[str, dict[str, Rule]]:
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", PAGE.partition("## Statements")[2], re.M)
    return {name: read(cell) for names, cell in rows for name in re.findall(r"`([^`]+)`", names)}


def agree(code: Rule, page: Rule) -> bool:
    if (code.name, code.optional) != (page.name, page.optional):
        return False
    if page.kind == "attachment":
        return [each.name for each in code.members] == ["role", "sha256", "size"]
    if page.kind == "":  # named before on the page, or plain from its name
        return code.kind != "protected"
    if (code.kind, code.many) != (page.kind, page.many):
        return False
    if code.kind == "table":
        return code.members[0].kind == page.members[0].kind
    theirs = {each.name: each for each in page.members}
    return {each.name for each in code.members} == theirs.keys() and all(
        agree(each, theirs[each.name]) for each in code.members
    )


def test_the_page_has_exactly_the_types_of_the_code() -> None:
    assert on_the_page().keys() == STATEMENTS.keys()


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_the_page_says_what_the_code_does(name: str) -> None:
    page, code = on_the_page()[name], {rule.name: rule for rule in table()[name]}
    assert page.keys() == code.keys()
    for field, rule in code.items():
        assert agree(rule, page[field]), f"{name}: the code has {rule}, the page {page[field]}"


def test_the_comparison_can_fail() -> None:
    rule = Rule("name", "protected")
    for other in (
        Rule("name", "token"),
        Rule("name", "protected", optional=True),
        Rule("name", "protected", many=True),
        Rule("other", "protected"),
        Rule("name", ""),
    ):
        assert not agree(rule, other)
    assert agree(rule, rule)
    assert read("a, b?: token; c[]: {d: sha256; e}; f: {token: integer}") == {
        "a": Rule("a", "token"),
        "b": Rule("b", "token", True),
        "c": Rule("c", "object", False, True, (Rule("d", "sha256"), Rule("e", ""))),
        "f": Rule("f", "table", members=(Rule("token", "integer"),)),
    }


@pytest.mark.parametrize("kind", STATEMENTS.values(), ids=lambda kind: kind.TYPE)
def test_the_table_knows_all_protected_fields(kind: type[Statement]) -> None:
    assert set(protected(kind)) == kind.protected_fields()
    assert [rule.name for rule in rules(kind)] == [
        field.name for field in dataclasses.fields(kind) if field.name != "other"
    ]


@dataclasses.dataclass(frozen=True)
class _Inside:
    name: Protected


@pytest.mark.parametrize("hint", [tuple[Protected, ...], Mapping[str, Protected], _Inside])
def test_nothing_inside_of_something_is_protected(hint: object) -> None:
    """It could be neither disclosed nor erased: the vault finds values by an entry's field."""

    class Careless(Statement):
        word: Token

    Careless.__annotations__["hidden"] = hint
    with pytest.raises(TypeError, match="field of its own"):
        says("careless.said/1")(Careless)
    assert "careless.said/1" not in STATEMENTS


#: Words for somebody's looking, which belongs to that person and never into the record.
LOOKING = re.compile(r"view|watch|look|expos|opened|read_by|visit|access|display|play|shown")


def test_who_looked_at_what_is_in_no_entry() -> None:
    for name, fields in table().items():
        words = [name, *(rule.name for rule in fields)]
        words += [member.name for rule in fields for member in rule.members]
        assert not [word for word in words if LOOKING.search(word)], name
    assert LOOKING.search("object.viewed/1")
