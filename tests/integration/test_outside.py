"""What others outside have seen of the record goes along in a package, and is checked there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import authority as authorities
from support import calendar as calendars
from support.authority import Authority
from support.checker import CHECKER
from tests.integration.test_anchoring import go, name
from tests.integration.test_collecting import collect, folder  # noqa: F401 - a fixture
from tests.integration.test_cosigning import by_stick, trusting, watching
from tests.integration.test_packages import hand_over
from witnessmark.archive import Archive, cosigning

pytestmark = pytest.mark.skipif(not authorities.OPENSSL, reason="there is no openssl here")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Authority, Authority]]:
    with (
        authorities.running(tmp_path / "first", "first") as first,
        authorities.running(tmp_path / "second", "second", "rsa") as second,
    ):
        yield first, second


def checked(package: Path, *trust: Path) -> dict[str, Any]:
    command = [sys.executable, "-I", str(CHECKER), str(package), "--json"]
    command += [argument for path in trust for argument in ("--trust", str(path))]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)


def keys(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_stamps_of_real_authorities_stand(
    archive: Archive,
    folder: Path,  # noqa: F811 - the fixture
    pair: tuple[Authority, Authority],
    tmp_path: Path,
) -> None:
    collect(archive, folder)
    go(name(archive, *pair))
    package = hand_over(archive, tmp_path / "p")
    found = checked(package, keys(tmp_path, archive.trust), *(each.roots for each in pair))
    assert found["outcome"] == "holds", found["sentence"]
    assert found["existed_by"]
    assert not {"unanchored", "needs_roots", "untrusted_token"} & set(found["reports"])
    words = (package / "README.txt").read_text()
    assert "anchored by first, second, at " in words


def test_what_came_after_the_stamp_is_unanchored(
    archive: Archive,
    folder: Path,  # noqa: F811 - the fixture
    pair: tuple[Authority, Authority],
    tmp_path: Path,
) -> None:
    go(name(archive, *pair))
    collect(archive, folder)
    package = hand_over(archive, tmp_path / "p")
    found = checked(package, keys(tmp_path, archive.trust), *(each.roots for each in pair))
    assert found["outcome"] == "holds"
    assert found["existed_by"] is None
    assert "unanchored" in found["reports"]
    assert "unanchored since" in (package / "README.txt").read_text()


def test_a_calendars_promise_is_pending(
    archive: Archive,
    folder: Path,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    collect(archive, folder)
    with calendars.running() as calendar:
        go(name(archive, calendar=calendar))
    package = hand_over(archive, tmp_path / "p")
    found = checked(package, keys(tmp_path, archive.trust))
    assert found["outcome"] == "holds", found["sentence"]
    assert {"anchor_pending", "unanchored"} <= set(found["reports"])


def test_a_partners_signature_goes_along(
    new_archive: Callable[[str], Archive],
    folder: Path,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    ours, partner = new_archive("a"), new_archive("b")
    witness = watching(partner, "A", ours.trust)
    ours = trusting(ours, ("B", witness))
    collect(ours, folder)
    cosigning.take(ours, by_stick(ours, partner, tmp_path / "stick"))
    package = hand_over(ours, tmp_path / "p")
    found = checked(package, keys(tmp_path, ours.trust, witness))
    assert found["outcome"] == "holds", found["sentence"]
    assert found["existed_by"]
    assert not {"unanchored", "needs_witness_keys"} & set(found["reports"])
    ours.close()


def test_only_checkpoints_that_say_something_go_along(
    archive: Archive,
    folder: Path,  # noqa: F811 - the fixture
    pair: tuple[Authority, Authority],
    tmp_path: Path,
) -> None:
    """Of many stamps: the first over the objects, and the newest."""
    from tests.integration.test_cosigning import grow

    name(archive, *pair)
    go(archive)
    collect(archive, folder)
    for _ in range(3):
        go(archive)
        grow(archive)
    package = hand_over(archive, tmp_path / "p")
    sizes = sorted(int(path.name) for path in (package / "data" / "checkpoints").iterdir())
    assert len(sizes) == 2
    found = checked(package, keys(tmp_path, archive.trust), *(each.roots for each in pair))
    assert found["outcome"] == "holds", found["sentence"]
