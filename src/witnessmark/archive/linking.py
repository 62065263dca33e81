"""What people say of links, and what stands of them: confirm, split, merge."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from witnessmark.archive.archive import Archive
from witnessmark.catalog.decisions import EVER, Decision, Edge, Line, Span, pieces
from witnessmark.errors import BadInput, Refused
from witnessmark.model import DecidedSpan, LinkDecided, Recorded
from witnessmark.model.link import CONFIRM, DECISIONS, MERGE, SAME_FOOTAGE, SPLIT
from witnessmark.model.statement import Sha256, Token
from witnessmark.ports import DecisionRow, LinkRow, Member

_KEPT = "Nothing was recorded."
#: Stretches that one entry names at most: people name a few.
MAX_SPANS = 100

FOUND, CONFIRMED, PARTED, GONE = "found", "confirmed", "split in part", "split"


def decide(
    archive: Archive,
    a: str,
    b: str,
    decision: str,
    *,
    reason: str,
    spans: Sequence[DecidedSpan] = (),
) -> Recorded:
    """Records a person's decision about two objects; `spans` in the order of `a` and `b`.

    Raises:
        Refused: no reason is stated, or nothing stands between them that could be confirmed.
        BadInput: one object with itself, or stretches that make no sense.
        Locked: nobody is at work.
    """
    one, other = (archive.queries.object(name).sha256 for name in (a, b))
    _check(decision, one, other, spans, reason)
    if one > other:
        one, other, spans = other, one, [_turned(span) for span in spans]
    if decision == CONFIRM and not _found_between(archive, one, other):
        raise Refused(
            f"No program found the same footage in {one[:12]} and {other[:12]}.",
            kept=_KEPT,
            todo="'witnessmark link merge' says so on your own word, with the stretches.",
            code="no_link",
        )
    archive.working_person()
    said = LinkDecided(
        a=Sha256(one),
        b=Sha256(other),
        decision=Token(decision),
        spans=tuple(spans),
        reason=archive.protect("reason", reason),
    )
    return archive.say(said, (f"sha256:{one}", f"sha256:{other}"))


def _check(decision: str, one: str, other: str, spans: Sequence[DecidedSpan], reason: str) -> None:
    if decision not in DECISIONS:
        raise BadInput(
            f"There is no decision '{decision}'.", todo=f"One of {', '.join(DECISIONS)}."
        )
    if not reason.strip():
        raise Refused("The reason is not stated.", kept=_KEPT, todo="Give --reason; it is sealed.")
    if one == other:
        raise BadInput("An object is not linked with itself.", kept=_KEPT)
    if decision == MERGE and not spans:
        raise BadInput(
            "Which stretches are the same footage is not stated.",
            kept=_KEPT,
            todo="Give --span, seconds of the first and of the second: --span 12-30=0-18.",
        )
    wrong = any(
        s.a_end < s.a_start or s.b_end < s.b_start or max(s.a_end, s.b_end) >= EVER for s in spans
    )
    if wrong or len(spans) > MAX_SPANS:
        what = "A stretch ends before it begins." if wrong else "These are too many stretches."
        raise BadInput(what, kept=_KEPT, todo=f"At most {MAX_SPANS}, each from start to end.")


def _turned(span: DecidedSpan) -> DecidedSpan:
    return DecidedSpan(
        a_start=span.b_start, a_end=span.b_end, b_start=span.a_start, b_end=span.a_end
    )


def _found_between(archive: Archive, one: str, other: str) -> bool:
    found = any(
        {row.a, row.b} == {one, other} and row.relation == SAME_FOOTAGE
        for row in archive.queries.links(one)
    )
    return found or any(
        {row.a, row.b} == {one, other} and row.decision == MERGE
        for row in archive.queries.decisions(one)
    )


# --- what stands ---------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """A link, or a person's merge (`link` is None), with what stands of it.

    Attributes:
        state: `found`, `confirmed`, `split in part` or `split`; of a scene or a sound always
            `found`, because people decide about footage.
        decided_by: entries of the decisions about this pair.
    """

    a: str
    b: str
    relation: str
    state: str
    decided_by: tuple[int, ...]
    link: LinkRow | None = None


def standings(archive: Archive, name: str | None = None) -> list[Standing]:
    """All links and merges, of one object or of all, with what people made of them."""
    about: dict[tuple[str, str], list[DecisionRow]] = {}
    for row in archive.queries.decisions(name):
        about.setdefault((row.a, row.b), []).append(row)
    found = []
    for link in archive.queries.links(name):
        rows = about.get((link.a, link.b), [])
        lines = [
            Line(n, Span(0, s.a_start, s.a_end), Span(1, s.b_start, s.b_end))
            for n, s in enumerate(link.segments)
        ]
        state = _state(lines, rows) if link.relation == SAME_FOOTAGE else FOUND
        entries = tuple(dict.fromkeys(row.entry for row in rows))
        found.append(Standing(link.a, link.b, link.relation, state, entries, link))
    for pair, rows in about.items():
        merges = [_decision(row) for row in rows if row.decision == MERGE]
        if merges:
            lines = [Line(each.key, each.a, each.b, each.key) for each in merges]
            entries = tuple(dict.fromkeys(row.entry for row in rows))
            found.append(Standing(*pair, SAME_FOOTAGE, _state(lines, rows), entries))
    return found


def _state(lines: Sequence[Line], rows: Iterable[DecisionRow]) -> str:
    decisions = sorted(map(_decision, rows))
    stands: list[Edge] = [piece for line in lines for piece in pieces(line, decisions)]
    if not stands:
        return GONE if any(each.kind == SPLIT for each in decisions) else FOUND
    if [(each.a, each.b) for each in stands] != [(line.a, line.b) for line in lines]:
        return PARTED
    return CONFIRMED if all(each.confirmed for each in stands) else FOUND


def _decision(row: DecisionRow) -> Decision:
    span = row.span or DecidedSpan(a_start=-EVER, a_end=EVER, b_start=-EVER, b_end=EVER)
    ends = Span(0, span.a_start, span.a_end), Span(1, span.b_start, span.b_end)
    return Decision(row.key, row.decision, *ends)


def is_take(members: Sequence[Member]) -> bool:
    """Whether people confirmed that all members of a recording are one camera's take."""
    takes = {member.take for member in members}
    return len(takes) == 1 and None not in takes


def still_joined(archive: Archive) -> list[DecisionRow]:
    """Splits whose two stretches are in one recording all the same, by way of other links.

    Somebody should look at those: they cannot all be right.
    """
    there = archive.queries.recordings().values()
    latest: dict[tuple[str, str, DecidedSpan | None], DecisionRow] = {}
    for row in archive.queries.decisions():
        latest[row.a, row.b, row.span] = row
    return [
        row
        for row in latest.values()
        if row.decision == SPLIT
        and any(_shows(members, row.a, _end(row, 0)) and _shows(members, row.b, _end(row, 1))
                for members in there)
    ]  # fmt: skip


def _end(row: DecisionRow, side: int) -> tuple[int, int]:
    if row.span is None:
        return -EVER, EVER
    ends = (row.span.a_start, row.span.a_end), (row.span.b_start, row.span.b_end)
    return ends[side]


def _shows(members: Iterable[Member], name: str, end: tuple[int, int]) -> bool:
    """Whether a member is mostly that stretch, or the stretch mostly that member."""
    for member in members:
        shared = min(member.end, end[1]) - max(member.start, end[0])
        shorter = min(member.end - member.start, end[1] - end[0])
        if member.sha256 == name and shared >= 0 and 2 * shared >= shorter:
            return True
    return False
