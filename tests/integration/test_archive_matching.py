"""Matching over a real archive: fingerprints, pairs, links, and who else is at work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import edits, footage
from tests.integration.test_collecting import collect
from tests.integration.test_examining import answering, said, three_files
from witnessmark.archive import Archive, batch, matching
from witnessmark.model import FindingRecorded, LinkFound, LinkSegment
from witnessmark.model.statement import Sha256, Token
from witnessmark.ports import ObjectRow
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


def test_a_link_said_twice_keeps_its_first_segments(
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

    for end in (1000, 2000):
        archive.say(link(end), (f"sha256:{a}", f"sha256:{b}"))
    (row,) = archive.queries.links()
    assert [each.a_end for each in row.segments] == [1000]
    (members,) = archive.queries.recordings().values()
    assert {member.end for member in members} == {1000}
    assert archive.rebuild()[1]


# --- fingerprints --------------------------------------------------------------------------------


def test_no_picture_is_said_in_its_own_words(archive: Archive, files: list[ObjectRow]) -> None:
    assert matching.match(archive)["failed"] == len(files)
    assert {(each.result, each.reason) for each in said(archive, FindingRecorded)} == {
        ("inconclusive", "no picture could be decoded")
    }
    assert matching.match(archive)["failed"] == 0


def test_a_malformed_fingerprint_of_a_worker_is_not_kept(
    archive: Archive, files: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, {}, fingerprint=b"WMFP but no more")
    assert matching.match(archive)["failed"] == len(files)
    assert not any(matching.fingerprint_path(archive, row.sha256).exists() for row in files)


def test_a_malformed_fingerprint_file_is_made_again(
    archive: Archive, clips: list[ObjectRow]
) -> None:
    matching.match(archive)
    path = matching.fingerprint_path(archive, clips[0].sha256)
    good = path.read_bytes()
    path.write_bytes(b"xx")
    assert matching.match(archive)["fingerprints"] == 1
    assert path.read_bytes() == good


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
    assert (counts["fingerprints"], counts["pairs"], counts["pairs_failed"]) == (4, 6, 0)


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


def counting(
    monkeypatch: pytest.MonkeyPatch, stop: Callable[[int], BaseException | None]
) -> list[int]:
    """Counts comparisons; the n-th raises what `stop` gives for n."""
    calls = [0]
    real = matcher.match

    def compare(one: Any, other: Any) -> Any:
        calls[0] += 1
        if error := stop(calls[0]):
            raise error
        return real(one, other)

    monkeypatch.setattr(matcher, "match", compare)
    return calls


def test_what_was_compared_before_a_stop_is_kept(
    archive: Archive, clips: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "BATCH", 1)
    with monkeypatch.context() as patch:
        counting(patch, lambda n: KeyboardInterrupt() if n == 3 else None)
        with pytest.raises(KeyboardInterrupt):
            matching.match(archive)
    assert len(archive.work.compared(matcher.MATCHER_VERSION)) == 2
    linked = len(archive.queries.links())
    calls = counting(monkeypatch, lambda n: None)
    counts = matching.match(archive)
    assert counts["pairs"] == calls[0] == 1
    assert len(archive.queries.links()) == linked + counts["same_footage"] == 1
    assert matching.match(archive)["pairs"] == 0


def test_a_pair_that_cannot_be_compared_stops_no_other(
    archive: Archive, clips: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        counting(patch, lambda n: ValueError("made up") if n == 1 else None)
        counts = matching.match(archive)
    assert (counts["pairs"], counts["pairs_failed"]) == (2, 1)
    assert matching.match(archive)["pairs"] == 1
    assert len(archive.queries.links()) == 1


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
