"""The short form of `make fuzz`: every parser, the same mutations each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.run import FoundError, throw
from tests.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_survives(name: str, tmp_path: Path) -> None:
    thrown = throw(name, TARGETS[name], count=2_000, seconds=20, seed=1, keep=tmp_path)
    assert thrown >= 100


def test_a_parser_with_a_hole_is_found(tmp_path: Path) -> None:
    def hole(data: bytes) -> None:
        data.decode("utf-8")

    target = Target(lambda: ["Größe".encode()], hole, ())
    with pytest.raises(FoundError, match="UnicodeDecodeError"):
        throw("hole", target, count=400, seconds=20, seed=1, keep=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
