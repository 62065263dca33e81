"""Every error says what to do next: read from the source of the parts named here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import witnessmark

SOURCE = Path(witnessmark.__file__).parent
PARTS = ["archive/cosigning.py", "archive/witnessing.py", "cli/witnessing.py"]
ERRORS = {"BadInput", "Locked", "NotFound", "Refused", "StoreFailure"}


@pytest.mark.parametrize("part", PARTS)
def test_every_error_says_what_to_do(part: str) -> None:
    calls = [
        node
        for node in ast.walk(ast.parse((SOURCE / part).read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS
    ]
    assert calls
    silent = [call.lineno for call in calls if "todo" not in {each.arg for each in call.keywords}]
    assert silent == []
