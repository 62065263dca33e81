"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from witnessmark.archive import Archive
from witnessmark.custody.keys import Kdf
from witnessmark.model import Scope

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
#: Argon2id at its cheapest: tests make many archives.
CHEAP = Kdf(time=1, memory_kib=64, lanes=1)
SECRET = b"a passphrase for tests"
SCOPE = Scope(
    purpose="tests",
    parties=("Party A", "Party B"),
    places=("Invented Valley",),
    dates="2020",
    legal_basis="none needed",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--torture", action="store_true", help="the long forms of tests/torture")


@pytest.fixture
def torture(request: pytest.FixtureRequest) -> bool:
    """Whether the long forms were asked for."""
    return bool(request.config.getoption("--torture"))


@pytest.fixture
def shared() -> Path:
    """The folder `../shared`; tests that need it are left out on a machine without it."""
    if not SHARED.is_dir():
        pytest.skip("there is no ../shared on this machine")
    return SHARED


@pytest.fixture
def new_archive(tmp_path: Path) -> Iterator[Callable[[str], Archive]]:
    """Makes unlocked archives; all are closed afterwards."""
    made: list[Archive] = []

    def make(name: str = "archive") -> Archive:
        archive = Archive.create(tmp_path / name, SCOPE, "Canary Person", SECRET, CHEAP)
        made.append(archive)
        return archive

    yield make
    for archive in made:
        archive.close()


@pytest.fixture
def archive(new_archive: Callable[[str], Archive]) -> Archive:
    """One new, unlocked archive."""
    return new_archive("archive")
