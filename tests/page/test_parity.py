"""The page and check.py, which share nothing, answer every case of the corpus alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.browser import Checker
from tests.corpus.case import Case
from tests.corpus.cases import CASES
from tests.corpus.test_corpus import answer
from tests.vectors.test_packages import BLOBS, VECTORS

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


@pytest.mark.parametrize("vector", VECTORS["packages"], ids=lambda vector: vector["name"])
def test_the_page_gives_the_answers_of_the_vectors(
    vector: dict[str, Any], tmp_path: Path, checker: Checker
) -> None:
    package = tmp_path / "p"
    package.mkdir()
    for name, blob in vector["files"].items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(BLOBS[blob])
    said = checker.check(package, [BLOBS[blob] for blob in vector["trust"]], worker=False)
    for name in ("outcome", "code", "reports", "existed_by"):
        assert said[name] == vector[name]
