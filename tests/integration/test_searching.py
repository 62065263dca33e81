"""The search index of an archive: which pairs are due, and what a disposal leaves of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import edits, footage
from tests.integration.test_collecting import collect
from witnessmark.archive import Archive, disposing, matching, searching
from witnessmark.ports import ObjectRow
from witnessmark.verification.matching import Fingerprint


@pytest.fixture
def clips(archive: Archive, tmp_path: Path) -> dict[str, ObjectRow]:
    """A clip, a smaller copy of it, and another clip, with fingerprints; by the names a, b, c."""
    folder = tmp_path / "clips"
    folder.mkdir()
    clip = footage.synthetic(folder / "a.mp4", seconds=3.0)
    edits.EDITS["small"](clip, folder / "b.mp4")
    footage.synthetic(folder / "c.mp4", seconds=3.0, seed=5)
    rows: dict[str, ObjectRow] = {}
    for name in "abc":
        held = {row.sha256 for row in rows.values()}
        only = tmp_path / name
        only.mkdir()
        (folder / f"{name}.mp4").rename(only / f"{name}.mp4")
        collect(archive, only)
        (rows[name],) = [row for row in archive.queries.objects() if row.sha256 not in held]
    counts = matching.match(archive)
    assert counts.fingerprints == 3
    return rows


def entries(pairs: searching.Due) -> set[tuple[int, int]]:
    return {(a.entry, b.entry) for a, b in pairs.pairs}


def test_only_what_is_alike_is_due_and_only_once(
    archive: Archive, clips: dict[str, ObjectRow]
) -> None:
    rows = list(clips.values())
    found = searching.due(archive, rows, ())
    copies = tuple(sorted((clips["a"], clips["b"]), key=lambda row: row.sha256))
    assert found.pairs == (copies,)
    assert found.settled == tuple((row.entry, row.entry) for row in rows)
    assert not found.left_off
    assert not found.only_flat
    done = entries(found) | set(found.settled)
    assert searching.due(archive, rows, done) == searching.Due((), (), {}, ())
    # killed before it was compared: it is due again
    assert searching.due(archive, rows, set()).pairs == found.pairs


def test_what_comes_later_is_compared_with_what_was_there(
    archive: Archive, clips: dict[str, ObjectRow]
) -> None:
    done: set[tuple[int, int]] = set()
    for names in ("ac", "acb"):
        found = searching.due(archive, [clips[name] for name in names], done)
        done |= entries(found) | set(found.settled)
    assert entries(found) == entries(searching.due(archive, list(clips.values()), ()))


def test_the_index_is_made_again(archive: Archive, clips: dict[str, ObjectRow]) -> None:
    rows = list(clips.values())
    before = searching.due(archive, rows, ())
    for path in (archive.derived / "index").rglob("*.segment"):
        path.write_bytes(b"damaged")
    assert searching.due(archive, rows, ()) == before


def test_a_disposed_object_leaves_nothing_in_the_index(
    archive: Archive, clips: dict[str, ObjectRow]
) -> None:
    searching.due(archive, list(clips.values()), ())
    name = clips["b"].sha256
    made, other = (
        Fingerprint.decode(matching.fingerprint_path(archive, each).read_bytes())
        for each in (name, clips["a"].sha256)
    )
    others = {row.tobytes() for row in (*other.full, *other.inner)}
    trace = next(row.tobytes() for row in made.full if row.tobytes() not in others)
    folder = archive.derived / "index"

    def holding(data: bytes) -> list[Path]:
        return [p for p in folder.rglob("*") if p.is_file() and data in p.read_bytes()]

    assert holding(name.encode())
    assert holding(trace)
    disposing.destroy(archive, [name])
    assert not holding(name.encode())
    assert not holding(trace)
    left = [clips[each] for each in "ac"]
    assert searching.due(archive, left, ()).pairs == ()


def test_what_the_index_looked_at_is_counted() -> None:
    assert matching._looked_at([1, 2, 3, 4], ()) == 0
    assert matching._looked_at([1, 2, 3, 4], [(1, 2), (1, 9), (9, 9)]) == 1
    assert matching._looked_at([1, 2, 3, 4], [(1, 1), (2, 2), (3, 3), (1, 2), (3, 4)]) == 4


def test_an_archive_with_many_objects_compares_what_the_index_finds(
    archive: Archive, clips: dict[str, ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "ALL_PAIRS", 2)
    monkeypatch.setattr(matching.matching, "MATCHER_VERSION", "anew")
    tally = matching.match(archive)
    assert tally.due == tally.compared == 1
    assert tally.relations == {"same_footage": 1}
    assert matching.coverage(archive).whole
    again = matching.match(archive)
    assert (again.due, again.links) == (0, 0)
