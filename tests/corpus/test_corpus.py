"""Every case of the corpus against check.py."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.case import Case
from tests.corpus.cases import CASES
from tests.corpus.numbers import PREVENTED, REFUSED, REPORTED, WITHOUT
from tests.unit.checker.subject import REPOSITORY, check

BY_NAME = {case.name: case for case in CASES}
LIST = REPOSITORY.parent / "shared" / "attacks.md"


def answer(path: Path, contents: tuple[bytes, ...]) -> Any:
    """What check.py says, as a person's call would: a file that is no trust is wrong use."""
    trust = check.Trust()
    try:
        for number, data in enumerate(contents):
            trust.add(data, f"trust-{number}")
    except ValueError as problem:
        return check.Report(check.USE, sentence=f"{problem}.")
    return check.check(str(path), trust)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_answer(case: Case, tmp_path: Path) -> None:
    try:
        path = case.make(tmp_path / "p")
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system has no such name")
    found = answer(path, case.trust)
    assert (found.outcome, found.code) == (case.outcome, case.code), found.sentence
    assert found.sentence.endswith(".")
    assert set(case.reports) <= set(found.reports)
    assert not set(case.without) & set(found.reports)
    assert found.existed_by == case.existed_by


@pytest.mark.parametrize("number", REFUSED)
def test_every_attack_that_is_refused(number: str) -> None:
    for name in REFUSED[number]:
        assert BY_NAME[name].outcome == "refused"


def test_every_attack_that_is_reported() -> None:
    for names in REPORTED.values():
        for name, code in names:
            assert BY_NAME[name].outcome == "holds"
            assert code in BY_NAME[name].reports


def test_without_its_outside_input_nothing_is_called_fine() -> None:
    for name, code in WITHOUT.values():
        assert BY_NAME[name].outcome != "refused"
        assert code in BY_NAME[name].reports


def test_every_attack_that_is_prevented_has_its_test() -> None:
    for tests in PREVENTED.values():
        assert tests
        for file, function in tests:
            tree = ast.parse((REPOSITORY / file).read_text("utf-8"))
            named = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert function in named


@pytest.mark.shared
@pytest.mark.skipif(not LIST.exists(), reason="the list of attacks is not here")
def test_no_attack_of_the_list_is_left_out() -> None:
    listed = re.findall(r"\b(\d+b?) ?([RGP])\b", LIST.read_text("utf-8").partition("\nFacts")[0])
    tables = {"R": REFUSED, "G": REPORTED, "P": PREVENTED}
    assert len(listed) == 70
    assert [pair for pair in listed if pair[0] not in tables[pair[1]]] == []
