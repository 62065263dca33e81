"""Stamps through a partner: questions and answers that travel as files."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import authority as authorities
from support.authority import Authority
from support.calendar import Calendar
from tests.integration.test_anchoring import DOOR, go, name, news, said, size, states
from witnessmark import settings
from witnessmark.archive import Archive, anchoring, checking
from witnessmark.archive import anchoring_by_file as by_file
from witnessmark.errors import BadInput, NotFound
from witnessmark.model import AnchorFailed
from witnessmark.record.canonical import canonical

pytestmark = pytest.mark.skipif(not authorities.OPENSSL, reason="there is no openssl here")


def test_through_a_partner(
    archive: Archive,
    new_archive: Callable[[str], Archive],
    first: Authority,
    second: Authority,
    calendar: Calendar,
    tmp_path: Path,
) -> None:
    """The club asks nobody and has no proxy; the partner learns digests and nothing else."""
    partner = name(new_archive("partner"), first, second, calendar=calendar)
    name(archive, first, second, calendar=calendar)
    anchors = dataclasses.replace(archive.settings.anchors, direct=False)
    archive.settings = dataclasses.replace(archive.settings, anchors=anchors)
    question, answer = tmp_path / "question", tmp_path / "answer"
    covered = by_file.ask(archive, question)
    asked = json.loads(question.read_text())
    assert asked.keys() == {"witnessmark", "id", "digest", "query"}
    assert archive.origin not in question.read_text()
    entries = size(partner)
    went = by_file.ask_for(partner, question, answer, DOOR)
    assert went == {"first": "", "second": "", "calendar": ""}
    assert size(partner) == entries
    news(archive, tmp_path)
    assert states(by_file.take(archive, answer)) == ["stamped", "stamped", "pending"]
    assert {(r.size, r.via) for r in archive.queries.anchors()} == {(covered, "partner")}
    assert states(by_file.take(archive, answer)) == ["held", "held", "held"]
    assert not checking.check(archive).problems
    calendar.mine()
    name(archive, first, second, calendar=calendar, headers_url=calendar.url)
    assert "confirmed" in states(go(archive))


@pytest.mark.parametrize("mood", ["nonce", "imprint", "stranger", "garbage"])
def test_a_partner_cannot_pass_off_a_stamp(
    archive: Archive,
    new_archive: Callable[[str], Archive],
    first: Authority,
    tmp_path: Path,
    mood: str,
) -> None:
    partner = name(new_archive("partner"), first)
    name(archive, first)
    by_file.ask(archive, tmp_path / "question")
    first.mood = mood
    by_file.ask_for(partner, tmp_path / "question", tmp_path / "answer", DOOR)
    (outcome,) = by_file.take(archive, tmp_path / "answer")
    assert outcome.state == "failed"
    assert [each.authority for each in said(archive, AnchorFailed)] == ["partner"]
    assert not archive.queries.anchors()
    (failure,) = anchoring.failures(archive)
    assert failure.startswith("partner gave no stamp when asked last")
    first.mood = ""
    go(archive)
    assert anchoring.failures(archive) == [failure]  # the partner was not asked
    news(archive, tmp_path)
    for file in ("question", "answer"):
        (tmp_path / file).unlink()
    by_file.ask(archive, tmp_path / "question")
    by_file.ask_for(partner, tmp_path / "question", tmp_path / "answer", DOOR)
    assert states(by_file.take(archive, tmp_path / "answer")) == ["stamped"]
    assert anchoring.failures(archive) == []


def test_through_a_partner_by_two_authorities_with_the_same_roots(
    archive: Archive,
    new_archive: Callable[[str], Archive],
    first: Authority,
    second: Authority,
    tmp_path: Path,
) -> None:
    """Each counts as itself, and none as both, whatever the partner calls it."""
    partner = name(new_archive("partner"), second, first)
    name(archive, first, second)
    for each in (first, second):
        both = first.roots.read_bytes() + second.roots.read_bytes()
        (archive.folder / f"{each.name}.pem").write_bytes(both)
    question, answer = tmp_path / "question", tmp_path / "answer"
    by_file.ask(archive, question)
    by_file.ask_for(partner, question, answer, DOOR)
    assert states(by_file.take(archive, answer)) == ["stamped", "stamped"]
    assert [row.authority for row in archive.queries.anchors()] == ["second", "first"]
    assert states(by_file.take(archive, answer)) == ["held", "held"]
    news(archive, tmp_path)
    question.unlink()
    answer.unlink()
    covered = by_file.ask(archive, question)
    by_file.ask_for(partner, question, answer, DOOR)
    members = json.loads(answer.read_text())
    token = members["answers"][0]
    answer.write_bytes(canonical({**members, "answers": [token, token | {"name": "first"}]}))
    assert states(by_file.take(archive, answer)) == ["stamped", "held"]
    rows = archive.queries.anchors()
    assert [row.authority for row in rows if row.size == covered] == ["second"]
    assert not checking.check(archive).problems


def test_one_wrong_address_at_the_partner_does_not_keep_the_others(
    archive: Archive,
    new_archive: Callable[[str], Archive],
    first: Authority,
    second: Authority,
    tmp_path: Path,
) -> None:
    by_file.ask(archive, tmp_path / "question")
    honest, first.url = first.url, "http://127.0.0.1:99999"
    wrong = Calendar(url="ftp://calendar.example.org")
    partner = name(new_archive("partner"), first, second, calendar=wrong)
    went = by_file.ask_for(partner, tmp_path / "question", tmp_path / "answer", DOOR)
    assert went == {"first": "bad_input", "second": "", "calendar": "bad_input"}
    first.url = honest
    name(archive, first, second)
    assert states(by_file.take(archive, tmp_path / "answer")) == ["stamped"]


@contextlib.contextmanager
def refusal() -> Iterator[None]:
    """Of a file; it says what to do."""
    with pytest.raises(BadInput) as caught:
        yield
    assert caught.value.todo, caught.value.what


def rewritten(path: Path, members: dict[str, object]) -> Path:
    path.write_bytes(canonical(members))
    return path


def test_files_that_are_something_else(
    archive: Archive, new_archive: Callable[[str], Archive], first: Authority, tmp_path: Path
) -> None:
    name(archive, first)
    question, answer = tmp_path / "question", tmp_path / "answer"
    by_file.ask(archive, question)
    with refusal():
        by_file.ask(archive, question)  # nothing is written over
    with refusal():
        by_file.ask(archive, tmp_path / "no folder" / "question")
    for other in (question, tmp_path / "nowhere", archive.folder / settings.FILE):
        with refusal():
            by_file.take(archive, other)
    by_file.ask_for(archive, question, answer, DOOR)
    with pytest.raises(NotFound):
        by_file.take(new_archive("another"), answer)
    answered = json.loads(answer.read_text())
    (outcome,) = by_file.take(
        archive, rewritten(answer, {**answered, "answers": [{"kind": "rfc3161", "data": "?"}]})
    )
    assert outcome.state == "failed"
    assert outcome.todo
    with refusal():
        by_file.take(archive, rewritten(answer, {**answered, "answers": 5}))
    for text in ("", "{}", "[]", '{"witnessmark":"anchor-answer/1"}', '{"a":1,"a":2}'):
        answer.write_text(text)
        with refusal():
            by_file.take(archive, answer)
    members = json.loads(question.read_text())
    for change in ({"digest": "00" * 32}, {"query": "AAAA"}, {"digest": 5}, {"query": "?"}):
        question.write_bytes(canonical({**members, **change}))
        asked = len(first.asked)
        with refusal():
            by_file.ask_for(archive, question, tmp_path / "other", DOOR)
        assert len(first.asked) == asked
    assert not (tmp_path / "other").exists()
