"""The page and check.py, which share nothing, answer every case of the corpus alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.browser import Checker
from tests.corpus.case import Case
from tests.corpus.cases import CASES
from tests.corpus.test_corpus import answer

ALIKE = ("outcome", "code", "reports", "existed_by", "counts", "file")


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.folder_only], ids=lambda case: case.name
)
def test_both_checkers_answer_alike(case: Case, tmp_path: Path, checker: Checker) -> None:
    try:
        path = case.make(tmp_path / "p")
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system has no such name")
    theirs = json.loads(answer(path, case.trust).to_json())
    ours = checker.check(path, case.trust, worker=False)
    assert {name: ours[name] for name in ALIKE} == {name: theirs[name] for name in ALIKE}, ours
    assert set(ours) == set(theirs)
    assert (ours["outcome"], ours["code"]) == (case.outcome, case.code)
    assert len(ours["checked"]) == len(theirs["checked"])
