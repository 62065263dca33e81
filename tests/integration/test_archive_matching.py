"""Matching over a real archive: fingerprints, pairs, links, and who else is at work."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from support import edits, footage
from tests.integration.test_collecting import collect
from tests.integration.test_examining import answering, said, three_files
from witnessmark.archive import Archive, batch, checking, comparing, matching
from witnessmark.archive.tally import TRIES
from witnessmark.model import FindingRecorded, LinkFound, LinkSegment
from witnessmark.model.statement import Sha256, Token
from witnessmark.ports import ObjectRow, Outcome, Result, Task
from witnessmark.verification import matching as matcher


@pytest.fixture
def files(archive: Archive, tmp_path: Path) -> list[ObjectRow]:
    return three_files(archive, tmp_path)


@pytest.fixture
def clips(archive: Archive, tmp_path: Path) -> list[ObjectRow]:
    """A clip, a smaller copy, and another clip."""
    folder = tmp_path / "clips"
    folder.mkdir()
    clip = footage.synthetic(folder / "a.mp4", seconds=4.0)
    edits.EDITS["small"](clip, folder / "b.mp4")
    footage.synthetic(folder / "c.mp4", seconds=3.0, seed=5)
    collect(archive, folder)
    return archive.queries.objects()


def test_a_link_said_twice_is_one_and_two_that_differ_are_two(
    archive: Archive, files: list[ObjectRow]
) -> None:
    a, b = sorted(row.sha256 for row in files)[:2]

    def link(end: int) -> LinkFound:
        times = {"a_start": 0, "a_end": end, "b_start": 0, "b_end": end}
        segment = LinkSegment(**times, rate=Token("1.0000"), transform=Token("identity"))
        words = dict.fromkeys(("score", "fingerprint", "matcher"), Token("1"))
        return LinkFound(
            a=Sha256(a), b=Sha256(b), relation=Token("same_footage"), segments=(segment,), **words
        )

    for end in (1000, 2000, 1000):
        archive.say(link(end), (f"sha256:{a}", f"sha256:{b}"))
    assert [row.segments[0].a_end for row in archive.queries.links()] == [1000, 2000]
    (members,) = archive.queries.recordings().values()
    assert {member.end for member in members} == {2000}
    assert archive.rebuild()[1]


# --- fingerprints --------------------------------------------------------------------------------


def test_no_picture_is_said_in_its_own_words(archive: Archive, files: list[ObjectRow]) -> None:
    assert matching.match(archive).failed == len(files)
    assert {(each.result, each.reason) for each in said(archive, FindingRecorded)} == {
        ("inconclusive", "no picture could be decoded")
    }
    assert matching.match(archive).failed == 0


def test_a_malformed_fingerprint_of_a_worker_is_not_kept(
    archive: Archive, files: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, {}, fingerprint=b"WMFP but no more")
    assert matching.match(archive).failed == len(files)
    assert not any(matching.fingerprint_path(archive, row.sha256).exists() for row in files)


def test_a_malformed_fingerprint_file_is_made_again(
    archive: Archive, clips: list[ObjectRow]
) -> None:
    matching.match(archive)
    path = matching.fingerprint_path(archive, clips[0].sha256)
    good = path.read_bytes()
    path.write_bytes(b"xx")
    assert matching.match(archive).fingerprints == 1
    assert path.read_bytes() == good


def test_what_another_version_left_is_removed(archive: Archive, files: list[ObjectRow]) -> None:
    old = archive.derived / "fingerprints" / "1" / "ab" / "abc"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"WMFP")
    matching.match(archive)
    assert not old.exists()


@pytest.mark.parametrize("seconds", [0.04, 0.2, 0.4, 2.0])
def test_short_and_still_clips_are_compared(
    seconds: float, archive: Archive, tmp_path: Path, clips: list[ObjectRow]
) -> None:
    """One sample, two, a few, and a picture that stands for two seconds."""
    folder = tmp_path / "short"
    folder.mkdir()
    footage.synthetic(folder / "short.mp4", seconds=min(seconds, 0.4), seed=9)
    if seconds == 2.0:
        still(folder / "short.mp4", footage_of=folder / "short.mp4")
    collect(archive, folder)
    counts = matching.match(archive)
    assert (counts.fingerprints, counts.compared, counts.pairs_failed) == (4, 6, 0)


def still(path: Path, *, footage_of: Path) -> None:
    """Writes two seconds of the first picture of a clip."""
    import av

    with av.open(str(footage_of)) as source:
        picture = next(source.decode(video=0)).to_ndarray(format="gray")
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.height, stream.width = picture.shape
        stream.pix_fmt = "yuv420p"
        for _ in range(50):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        out.mux(stream.encode(None))


# --- pairs ---------------------------------------------------------------------------------------


class Comparing:
    """An engine that compares as a worker does, and what a pair does to it is up to the test."""

    def __init__(self, real: Any, happens: Callable[[Task], Outcome | None]) -> None:
        self.real, self.happens = real, happens
        self.sandbox: dict[str, str] = {}

    def map(self, tasks: Iterable[Task]) -> Generator[Outcome]:
        for task in tasks:
            outcome = self.happens(task)
            yield from [outcome] if outcome else self.real.map([task])


def happens(monkeypatch: pytest.MonkeyPatch, what: Callable[[Task], Outcome | None]) -> None:
    real = Archive.engine
    monkeypatch.setattr(
        Archive, "engine", lambda self, modules: Comparing(real(self, modules), what)
    )


def pairs_of(task: Task) -> list[tuple[str, str]]:
    return [(Path(task.path).name, Path(other).name) for other in task.also]


def test_what_was_compared_before_a_stop_is_kept(
    archive: Archive, clips: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "BATCH", 1)
    monkeypatch.setattr(comparing, "TOGETHER", 1)
    with monkeypatch.context() as patch:
        calls: list[Task] = []

        def stops(task: Task) -> None:
            calls.extend([task] * bool(task.also))
            if len(calls) == 3:
                raise KeyboardInterrupt

        happens(patch, stops)
        with pytest.raises(KeyboardInterrupt):
            matching.match(archive)
    assert len(archive.work.compared(matcher.MATCHER_VERSION)) == 2
    linked = len(archive.queries.links())
    tally = matching.match(archive)
    assert tally.compared == tally.due == 1
    assert len(archive.queries.links()) == linked + tally.links == 1
    assert matching.match(archive).compared == 0


@pytest.mark.parametrize("failure", ["crashed", "timeout", "memory"])
def test_a_pair_that_cannot_be_compared_stops_no_other(
    failure: str, archive: Archive, clips: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group of pairs dies; looked at one by one, one of them does."""
    a, b, _ = sorted(row.sha256 for row in clips)
    with monkeypatch.context() as patch:
        happens(
            patch,
            lambda task: Outcome(task.key, failure=failure) if (a, b) in pairs_of(task) else None,
        )
        for attempt in range(TRIES):
            tally = matching.match(archive)
            assert (tally.compared, tally.pairs_failed) == (0 if attempt else 2, 1)
            assert tally.due == tally.compared + tally.pairs_failed + tally.given_up
            assert sum(tally.reasons.values()) == 1
        tally = matching.match(archive)
        assert (tally.pairs_failed, tally.given_up) == (0, 1)
    assert matching.coverage(archive).compared == 2
    assert not matching.coverage(archive).whole


def test_a_made_up_fingerprint_costs_its_own_pairs(
    archive: Archive, clips: list[ObjectRow]
) -> None:
    """It begins as one does; a worker finds out, and the next run makes it again."""
    matching.match(archive)
    archive.work.close()
    (archive.derived / "work.db").unlink()
    with Archive.open(archive.folder) as again:
        for row in (clips[0], clips[2]):
            path = matching.fingerprint_path(again, row.sha256)
            path.write_bytes(path.read_bytes()[:-7])
        tally = matching.match(again)
        assert (tally.compared, tally.pairs_failed) == (0, 3)
        tally = matching.match(again)
        assert (tally.fingerprints, tally.compared) == (2, 3)
        assert matching.coverage(again).whole


NUMBERS = {
    "query": ["0.0", "9.0"],
    "reference": ["1.0", "10.0"],
    "rate": "1.0",
    "transform": "identity",
}


@pytest.mark.parametrize(
    "answer",
    [
        {"relation": "same_footage", "score": "0.9", "segments": [{**NUMBERS, "rate": "inf"}]},
        {"relation": "same_footage", "score": "0.9", "segments": [{**NUMBERS, "query": ["0"]}]},
        {"relation": "same_footage", "score": "0.9", "segments": [NUMBERS] * 5000},
        {"relation": "same_footage", "score": True, "segments": []},
        {"relation": "Anna\u00e9", "score": "0.9", "segments": []},
        {"relation": "", "score": "0.9", "segments": []},
        {"score": "0.9", "segments": []},
        {"relation": "same_footage", "score": "0.9", "segments": [], "more": 0.5},
        {"relation": "same_footage", "score": "0.9", "segments": [], "more": "x" * (5 << 20)},
        ["same_footage"],
        True,
    ],
)
def test_a_worker_that_was_taken_over_says_no_link(
    answer: Any, archive: Archive, clips: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    happens(
        monkeypatch,
        lambda task: Outcome(task.key, Result([answer] * len(task.also))) if task.also else None,
    )
    tally = matching.match(archive)
    assert (tally.links, tally.pairs_failed) == (0, 3)
    assert not archive.queries.links()


def test_a_link_carries_its_evidence(archive: Archive, clips: list[ObjectRow]) -> None:
    tally = matching.match(archive)
    assert (tally.links, tally.relations["same_footage"]) == (1, 1)
    (link,) = said(archive, LinkFound)
    assert (link.pairs, link.matcher) == (3, matcher.MATCHER_VERSION)
    assert link.evidence is not None
    with archive.blobs.open(link.evidence.sha256) as file:
        evidence = json.loads(file.read())
    assert evidence["match"]["relation"] == "same_footage"
    assert len(evidence["match"]["segments"]) == len(link.segments)
    assert evidence["pairs"] == 3
    expected = matching.expected_false_links(3)
    assert link.card == (expected.card if expected else "none")
    assert not checking.check(archive).problems


def test_another_matcher_says_its_own_links(
    archive: Archive, clips: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    matching.match(archive)
    monkeypatch.setattr(matcher, "MATCHER_VERSION", "next")
    assert matching.match(archive).links == 1
    assert [row.matcher for row in archive.queries.links()][1:] == ["next"]
    assert len(archive.queries.recordings()) == 1


def test_what_is_due_is_asked_once(
    archive: Archive, files: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = archive.queries.unexamined
    monkeypatch.setattr(
        archive.queries, "unexamined", lambda *check: asked.append(check[0]) or real(*check)
    )
    matching.match(archive)
    assert asked == ["fingerprint"]
