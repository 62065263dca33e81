"""What the system says of its clock, in our words."""

from __future__ import annotations

import sys

import pytest

from witnessmark.collection import clock
from witnessmark.collection.clock import Clock, judged


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ((0, 0x2001, 1500), Clock("synchronised", 2)),
        ((0, 0x2001, 0), Clock("synchronised", 0)),
        ((5, 0x40, 16_000_000), Clock("unsynchronised")),
        ((0, 0x40, 100), Clock("unsynchronised")),
        ((5, 0, 100), Clock("unsynchronised")),
        ((-1, 0, 0), Clock("unknown")),
    ],
)
def test_answers_of_the_system(answer: tuple[int, int, int], found: Clock) -> None:
    assert judged(*answer) == found


def test_this_machine_is_asked() -> None:
    found = clock.look()
    known = found.state in ("synchronised", "unsynchronised")
    assert known == sys.platform.startswith("linux")
    assert (found.error_ms is not None) == (found.state == "synchronised")


def test_elsewhere_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert clock.look() == Clock("unknown")
