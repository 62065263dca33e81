"""Every case of the corpus against check.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.corpus.case import Case
from tests.corpus.cases import CASES
from tests.unit.checker.subject import check


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
