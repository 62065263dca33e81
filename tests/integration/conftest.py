"""Authorities and a calendar on loopback, for tests of outside time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import authority as authorities
from support import calendar as calendars
from support.authority import Authority
from support.calendar import Calendar


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Authority]:
    with authorities.running(tmp_path / "first", "first") as running:
        yield running


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Authority]:
    with authorities.running(tmp_path / "second", "second", "rsa") as running:
        yield running


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    with calendars.running() as running:
        yield running
