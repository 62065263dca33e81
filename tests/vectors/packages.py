"""`spec/vectors/packages.json`: whole packages with what a reader brings, and the answer.

Some of the corpus, written out for checkers that cannot run its generator. Tokens are signed with
fresh randomness, so this file is made by hand (`python -m tests.vectors.packages`) and tried, not
compared.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.corpus.case import Case
from tests.corpus.cases import CASES
from tests.corpus.test_corpus import answer

FILE = Path(__file__).parents[2] / "spec" / "vectors" / "packages.json"
_SMALL, _FILE = 60_000, 16_000


def chosen() -> Iterator[Case]:
    """One small case of each code, and of each set of reports when nothing is refused."""
    seen: set[object] = set()
    for case in CASES:
        about = case.code or (case.outcome, case.reports, case.without, bool(case.existed_by))
        if about not in seen and not case.folder_only:
            with tempfile.TemporaryDirectory() as folder:
                path = case.make(Path(folder) / "p")
                small = path.is_dir() and sum(map(len, files(path).values())) < _SMALL
                if small and max(map(len, files(path).values()), default=0) < _FILE:
                    seen.add(about)
                    yield case


def files(folder: Path) -> dict[str, bytes]:
    """All files by path."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def build() -> dict[str, Any]:
    """`blobs`: SHA-256 to bytes; `packages`: paths to blobs, `trust` as blobs, and the answer."""
    blobs: dict[str, str] = {}

    def keep(data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        blobs[name] = base64.b64encode(data).decode()
        return name

    packages = []
    for case in chosen():
        with tempfile.TemporaryDirectory() as folder:
            path = case.make(Path(folder) / "p")
            found = answer(path, case.trust)
            packages.append(
                {
                    "name": case.name,
                    "files": {name: keep(data) for name, data in sorted(files(path).items())},
                    "trust": [keep(data) for data in case.trust],
                    "outcome": found.outcome,
                    "code": found.code,
                    "reports": sorted(found.reports),
                    "existed_by": found.existed_by,
                }
            )
    return {"blobs": blobs, "packages": packages}


if __name__ == "__main__":
    FILE.write_text(json.dumps(build(), indent=1, sort_keys=True) + "\n")
