from __future__ import annotations

import pytest

from witnessmark.collection import files


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "RECHECK_SECONDS", 0)
