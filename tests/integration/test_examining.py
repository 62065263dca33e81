"""Examinations and matching on a real archive: what a worker says, and who else is at work."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from support import edits, footage
from tests.integration.test_collecting import collect
from witnessmark.archive import Archive, checking, examining, protecting
from witnessmark.errors import BadInput, Erased
from witnessmark.model import FindingRecorded, LinkFound, LinkSegment
from witnessmark.model.statement import Sha256, Token
from witnessmark.ports import ObjectRow, Outcome, Result, Task
from witnessmark.verification import matching

TAGS = {"gps": "+40.1234+44.5678/"}


class Says:
    """An engine whose every worker answers the same."""

    def __init__(self, value: Any, **blobs: bytes) -> None:
        self.result = Result(value, blobs)

    def map(self, tasks: Iterable[Task]) -> Generator[Outcome]:
        for task in tasks:
            yield Outcome(task.key, self.result)


def said(archive: Archive, kind: type[Any]) -> list[Any]:
    return [each.said for each in archive.journal.read() if isinstance(each.said, kind)]


def entry_of(archive: Archive, check: str) -> int:
    return [
        each.index
        for each in archive.journal.read()
        if isinstance(each.said, FindingRecorded) and each.said.check == check
    ][-1]


@pytest.fixture
def files(archive: Archive, tmp_path: Path) -> list[ObjectRow]:
    """Three files that claim to be videos and hold no picture."""
    folder = tmp_path / "files"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes([n]) * 999)
    collect(archive, folder)
    return archive.queries.objects()


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


def answering(monkeypatch: pytest.MonkeyPatch, value: Any, **blobs: bytes) -> None:
    monkeypatch.setattr(Archive, "engine", lambda self, modules: Says(value, **blobs))


# --- two at once ---------------------------------------------------------------------------------


def test_two_examinations_at_once(
    archive: Archive, files: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both say what they found; the catalog keeps what was said first, also when made again."""
    real = archive.say_all

    def late(made: Any) -> Any:
        with Archive.open(archive.folder) as other:
            assert examining.examine(other, ["container"])["container"]
        monkeypatch.setattr(archive, "say_all", real)
        return real(made)

    monkeypatch.setattr(archive, "say_all", late)
    examining.examine(archive, ["container"])
    found = said(archive, FindingRecorded)
    assert len(found) == 2 * len(files)
    first = [each.index for each in archive.journal.read() if each.said in found][: len(files)]
    kept = [archive.queries.findings(row.sha256) for row in files]
    assert sorted(kept) == [[index] for index in first]
    assert archive.rebuild()[1]
    assert not checking.check(archive).problems


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


# --- what a worker says --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "output"),
    [
        ({"result": "observed", "values": {"x": "é"}}, b""),
        ({"result": "observed", "values": {f"k{n}": "v" * 200 for n in range(400)}}, b""),
        ({"result": "observed", "output": {"x": 0.5}}, b""),
        ({"result": "observed"}, b"{ }"),
        ({"result": "genuine"}, b""),
        ({"result": ["observed"]}, b""),
        ({"result": "observed", "tags": {"x": 1}}, b""),
        ({"result": "observed", "tags": ["x"]}, b""),
        ({"result": "observed", "tags": {"x": "\ud800"}}, b""),
        ({"values": {}}, b""),
        ("observed", b""),
    ],
)
def test_nonsense_is_inconclusive_and_leaves_nothing_in_the_vault(
    report: Any,
    output: bytes,
    archive: Archive,
    files: list[ObjectRow],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if isinstance(report, dict):
        report = {"tags": TAGS, **report}
    answering(monkeypatch, report, output=output)
    staged: list[str] = []
    monkeypatch.setattr(archive.vault, "protect", lambda field, *_: staged.append(field))
    examining.examine(archive, ["container"])
    assert not staged
    assert {(each.result, each.reason) for each in said(archive, FindingRecorded)} == {
        ("inconclusive", "the check gave an answer that makes no sense")
    }


def test_tags_of_findings_that_are_never_said_are_forgotten(
    archive: Archive, files: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, {"result": "observed", "tags": TAGS})

    def fails(made: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(archive, "say_all", fails)
    with pytest.raises(KeyboardInterrupt):
        examining.examine(archive, ["container"])
    assert not archive.vault._staged


def test_erased_tags_do_not_come_back_with_another_version(
    archive: Archive, files: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, {"result": "observed", "tags": TAGS})
    examining.examine(archive, ["container"])
    first = entry_of(archive, "container")
    kept = archive.vault.open(archive.journal.entry(first).said.tags)  # type: ignore[union-attr]
    assert kept.value == TAGS
    protecting.erase(archive, first, ["tags"], "asked to")
    examining.examine(archive, ["metadata"])
    again = archive.journal.entry(entry_of(archive, "metadata")).said
    assert isinstance(again, FindingRecorded)
    assert again.object == files[-1].sha256
    assert again.tags is not None
    with pytest.raises(Erased):
        archive.vault.open(again.tags)


def test_unknown_checks_are_refused(archive: Archive, files: list[ObjectRow]) -> None:
    with pytest.raises(BadInput, match=r"no check 'horoscope'.*container, metadata"):
        examining.examine(archive, ["container", "horoscope"])
    assert not said(archive, FindingRecorded)


# --- fingerprints --------------------------------------------------------------------------------


def test_no_picture_is_said_in_its_own_words(archive: Archive, files: list[ObjectRow]) -> None:
    assert examining.match(archive)["failed"] == len(files)
    assert {(each.result, each.reason) for each in said(archive, FindingRecorded)} == {
        ("inconclusive", "no picture could be decoded")
    }
    assert examining.match(archive)["failed"] == 0


def test_a_malformed_fingerprint_of_a_worker_is_not_kept(
    archive: Archive, files: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, {}, fingerprint=b"WMFP but no more")
    assert examining.match(archive)["failed"] == len(files)
    assert not any(examining.fingerprint_path(archive, row.sha256).exists() for row in files)


def test_a_malformed_fingerprint_file_is_made_again(
    archive: Archive, clips: list[ObjectRow]
) -> None:
    examining.match(archive)
    path = examining.fingerprint_path(archive, clips[0].sha256)
    good = path.read_bytes()
    path.write_bytes(b"xx")
    assert examining.match(archive)["fingerprints"] == 1
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
    counts = examining.match(archive)
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
    real = matching.match

    def compare(one: Any, other: Any) -> Any:
        calls[0] += 1
        if error := stop(calls[0]):
            raise error
        return real(one, other)

    monkeypatch.setattr(matching, "match", compare)
    return calls


def test_what_was_compared_before_a_stop_is_kept(
    archive: Archive, clips: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "_BATCH", 1)
    with monkeypatch.context() as patch:
        counting(patch, lambda n: KeyboardInterrupt() if n == 3 else None)
        with pytest.raises(KeyboardInterrupt):
            examining.match(archive)
    assert len(archive.work.compared(matching.MATCHER_VERSION)) == 2
    linked = len(archive.queries.links())
    calls = counting(monkeypatch, lambda n: None)
    counts = examining.match(archive)
    assert counts["pairs"] == calls[0] == 1
    assert len(archive.queries.links()) == linked + counts["same_footage"] == 1
    assert examining.match(archive)["pairs"] == 0


def test_a_pair_that_cannot_be_compared_stops_no_other(
    archive: Archive, clips: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        counting(patch, lambda n: ValueError("made up") if n == 1 else None)
        counts = examining.match(archive)
    assert (counts["pairs"], counts["pairs_failed"]) == (2, 1)
    assert examining.match(archive)["pairs"] == 1
    assert len(archive.queries.links()) == 1


def test_what_is_due_is_asked_once(
    archive: Archive, files: list[ObjectRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = archive.queries.unexamined
    monkeypatch.setattr(
        archive.queries, "unexamined", lambda *check: asked.append(check[0]) or real(*check)
    )
    examining.match(archive)
    assert asked == ["fingerprint"]
