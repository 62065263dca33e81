"""check.py gives the answers of `spec/vectors/packages.json`."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.test_corpus import answer
from tests.vectors.packages import FILE

VECTORS = json.loads(FILE.read_text())
BLOBS = {name: base64.b64decode(data) for name, data in VECTORS["blobs"].items()}


@pytest.mark.parametrize("vector", VECTORS["packages"], ids=lambda vector: vector["name"])
def test_the_answer(vector: dict[str, Any], tmp_path: Path) -> None:
    package = tmp_path / "p"
    package.mkdir()
    for name, blob in vector["files"].items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(BLOBS[blob])
    found = answer(package, tuple(BLOBS[blob] for blob in vector["trust"]))
    said = (found.outcome, found.code, sorted(found.reports), found.existed_by)
    assert said == tuple(vector[name] for name in ("outcome", "code", "reports", "existed_by"))


def test_most_codes_are_there() -> None:
    assert len({vector["code"] for vector in VECTORS["packages"]}) > 50
