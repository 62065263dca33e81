"""Examinations on a real archive: what a worker says, and who else is at work."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_collecting import collect
from witnessmark.archive import Archive, checking, examining, protecting
from witnessmark.errors import BadInput, Erased
from witnessmark.model import FindingRecorded
from witnessmark.ports import ObjectRow, Outcome, Result, Task

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


def three_files(archive: Archive, tmp_path: Path) -> list[ObjectRow]:
    """Collects three files that claim to be videos and hold no picture."""
    folder = tmp_path / "files"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes([n]) * 999)
    collect(archive, folder)
    return archive.queries.objects()


@pytest.fixture
def files(archive: Archive, tmp_path: Path) -> list[ObjectRow]:
    return three_files(archive, tmp_path)


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
