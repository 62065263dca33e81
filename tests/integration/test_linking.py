"""People decide about links: over programs, in any order of arrival, and back again."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from support.checker import outcome
from tests.conftest import SECRET
from tests.integration.test_collecting import collect
from tests.integration.test_examining import three_files
from tests.integration.test_packages import hand_over
from witnessmark.archive import Archive, checking, disposing, linking, selecting
from witnessmark.cli.app import app
from witnessmark.errors import BadInput, Locked, Refused
from witnessmark.model import DecidedSpan, LinkDecided, LinkFound, LinkSegment
from witnessmark.model.statement import Sha256, Token


@pytest.fixture
def names(archive: Archive, tmp_path: Path) -> list[str]:
    return sorted(row.sha256 for row in three_files(archive, tmp_path))


def found(a: str, b: str, *spans: tuple[int, int], matcher: str = "1", to: int = 0) -> LinkFound:
    """A program's link over these milliseconds of both."""
    segments = tuple(
        LinkSegment(
            a_start=start,
            a_end=end,
            b_start=start + to,
            b_end=end + to,
            rate=Token("1.0000"),
            transform=Token("identity"),
        )
        for start, end in spans or [(0, 60_000)]
    )
    return LinkFound(
        a=Sha256(a),
        b=Sha256(b),
        relation=Token("same_footage"),
        score=Token("0.9"),
        fingerprint=Token("1"),
        matcher=Token(matcher),
        segments=segments,
    )


def say(archive: Archive, link: LinkFound) -> None:
    archive.say(link, (f"sha256:{link.a}", f"sha256:{link.b}"))


def span(at: tuple[float, float], there: tuple[float, float] | None = None) -> DecidedSpan:
    ends = [round(1000 * t) for t in (*at, *(there or at))]
    return DecidedSpan(a_start=ends[0], a_end=ends[1], b_start=ends[2], b_end=ends[3])


def recordings(archive: Archive) -> set[frozenset[tuple[str, int, int]]]:
    return {
        frozenset((m.sha256, m.start, m.end) for m in members)
        for members in archive.queries.recordings().values()
    }


def states(archive: Archive) -> list[str]:
    return [each.state for each in linking.standings(archive)]


def test_a_split_takes_a_link_away_and_a_later_word_brings_it_back(
    archive: Archive, names: list[str]
) -> None:
    a, b, _ = names
    say(archive, found(a, b))
    assert (len(recordings(archive)), states(archive)) == (1, ["found"])
    linking.decide(archive, b, a, "split", reason="another day")
    assert (recordings(archive), states(archive)) == (set(), ["split"])
    say(archive, found(a, b, (1_000, 50_000), matcher="2"))
    assert (recordings(archive), states(archive)) == (set(), ["split", "split"])
    linking.decide(archive, a, b, "confirm", reason="I was wrong")
    assert states(archive) == ["confirmed", "confirmed"]
    (members,) = archive.queries.recordings().values()
    assert linking.is_take(members)
    assert archive.rebuild()[1]
    assert not checking.check(archive).problems


def test_spans_follow_the_order_in_which_objects_are_named(
    archive: Archive, names: list[str]
) -> None:
    a, b, _ = names
    say(archive, found(a, b, (0, 60_000), to=100_000))
    linking.decide(archive, b, a, "split", reason="r", spans=[span((120, 130), (20, 30))])
    assert states(archive) == ["split in part"]
    assert recordings(archive) == {
        frozenset({(a, 0, 20_000), (b, 100_000, 120_000)}),
        frozenset({(a, 30_000, 60_000), (b, 130_000, 160_000)}),
    }
    assert archive.rebuild()[1]


def test_a_merge_joins_what_no_program_found(archive: Archive, names: list[str]) -> None:
    a, b, c = names
    say(archive, found(a, b))
    linking.decide(archive, c, b, "merge", reason="off a screen", spans=[span((0, 60))])
    (members,) = archive.queries.recordings().values()
    assert {m.sha256 for m in members} == set(names)
    assert not linking.is_take(members)
    linking.decide(archive, a, b, "confirm", reason="seen")
    assert linking.is_take(next(iter(archive.queries.recordings().values())))
    assert selecting.with_linked(archive, [c]) == set(names)
    assert archive.rebuild()[1]


def test_a_split_that_other_links_go_around_is_said(archive: Archive, names: list[str]) -> None:
    a, b, c = names
    for pair in ((a, b), (a, c), (b, c)):
        say(archive, found(*pair))
    linking.decide(archive, a, b, "split", reason="r")
    assert len(recordings(archive)) == 1
    assert [(row.a, row.b) for row in linking.still_joined(archive)] == [(a, b)]
    linking.decide(archive, a, c, "split", reason="r")
    assert not linking.still_joined(archive)


def test_any_order_of_arrival_gives_the_same_recordings(
    new_archive: Callable[[str], Archive], archive: Archive, names: list[str], tmp_path: Path
) -> None:
    a, b, c = names
    links = [
        found(a, b, (0, 30_000), (31_000, 60_000)),
        found(a, b, (0, 59_000)),  # two programs of one version at once, and not alike
        found(a, c, (5_000, 25_000), to=7_000),
        found(b, c, (0, 20_000), to=12_000),
    ]
    decisions = [("split", a, b, (10, 20)), ("merge", b, c, (30, 50)), ("split", b, c, (12, 40))]
    results = []
    for seed in range(5):
        there, order = new_archive(f"archive {seed}"), random.Random(seed)
        collect(there, tmp_path / "files")
        coming = order.sample(links, len(links))
        words = list(decisions)
        while coming or words:
            if coming and (not words or order.random() < 0.5):
                say(there, coming.pop())
            else:
                kind, one, two, at = words.pop(0)
                linking.decide(there, one, two, kind, reason="r", spans=[span(at)])
        results.append(recordings(there))
        assert there.rebuild()[1]
    assert results[0]
    assert all(each == results[0] for each in results)


def test_what_cannot_be_decided_is_refused(archive: Archive, names: list[str]) -> None:
    a, b, c = names
    say(archive, found(a, b))
    before = archive.journal.head()
    with pytest.raises(Refused, match="reason"):
        linking.decide(archive, a, b, "split", reason="  ")
    with pytest.raises(Refused, match="No program found"):
        linking.decide(archive, a, c, "confirm", reason="r")
    with pytest.raises(BadInput, match="with itself"):
        linking.decide(archive, a, a[:20], "split", reason="r")
    with pytest.raises(BadInput, match="stretches"):
        linking.decide(archive, a, b, "merge", reason="r")
    with pytest.raises(BadInput, match="before it begins"):
        linking.decide(archive, a, b, "split", reason="r", spans=[span((3, 2))])
    with pytest.raises(BadInput, match="too many"):
        linking.decide(archive, a, b, "split", reason="r", spans=[span((1, 2))] * 101)
    archive.person = None
    with pytest.raises(Locked):
        linking.decide(archive, a, b, "split", reason="r")
    assert archive.journal.head() == before


def test_decisions_are_signed_and_go_along(
    archive: Archive, names: list[str], tmp_path: Path
) -> None:
    a, b, _ = names
    say(archive, found(a, b))
    made = linking.decide(archive, a, b, "split", reason="the canary's reason")
    entry = archive.journal.entry(made.index).entry
    assert entry.signature
    assert entry.by == archive.working_person().person
    assert isinstance(made.said, LinkDecided)
    assert archive.vault.open(made.said.reason).value == "the canary's reason"
    package = hand_over(archive, tmp_path / "package", objects=(a,))
    assert outcome(package, archive.trust) == ("holds", "")
    text = (package / "data" / "record" / "entries").read_text()
    assert "link.decided/1" in text
    assert sorted(p.name for p in (package / "data" / "objects").iterdir()) == sorted([a, b])


def test_disposal_knows_of_decisions(archive: Archive, names: list[str]) -> None:
    a, b, c = names
    linking.decide(archive, a, c, "merge", reason="r", spans=[span((0, 9))])
    plan = disposing.plan(archive, [a])
    assert plan.contrary == ((a, c),)
    assert not disposing.plan(archive, [b]).contrary


def test_no_entry_cites_a_recording(archive: Archive, names: list[str]) -> None:
    """A recording's number comes from what is there now: entries cite objects and stretches."""
    from witnessmark.model.fields import Rule, table

    def words(rules: tuple[Rule, ...]) -> list[str]:
        return [word for rule in rules for word in (rule.name, *words(rule.members))]

    assert not [name for name, rules in table().items() for word in words(rules)
                if "recording" in word]  # fmt: skip
    a, b, _ = names
    say(archive, found(a, b))
    (number,) = archive.queries.recordings()
    linking.decide(archive, a, b, "confirm", reason="r")
    bodies = b"".join(each.body for each in archive.journal.read())
    assert str(number).encode() not in bodies


def test_the_command_line_decides(archive: Archive, names: list[str]) -> None:
    a, b, c = names
    say(archive, found(a, b))
    run = functools.partial(
        CliRunner().invoke,
        app,
        env={
            "WITNESSMARK_ARCHIVE": str(archive.folder),
            "WITNESSMARK_PASSPHRASE": SECRET.decode(),
        },
    )

    def link(*words: str) -> Any:
        done = run(["link", *words, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    assert [each["state"] for each in link("list")["links"]] == ["found"]
    assert "score 0.9" in run(["link", "list"]).stdout
    assert link("split", a[:9], b[:9], "--reason", "r", "--span", "0-60=0-60")["recordings"] == 0
    assert link("list", a)["links"][0]["state"] == "split"
    assert link("merge", a, c, "--reason", "r", "--span", "0-9.5=1-10.5")["recordings"] == 1
    assert link("confirm", b, a, "--reason", "r")["recordings"] == 1
    assert link("list", b)["links"][0]["state"] == "confirmed"
    assert "on a person's word" in run(["link", "list"]).stdout
    assert run(["link", "split", a, b, "--reason", "r", "--span", "9"]).exit_code == 2
