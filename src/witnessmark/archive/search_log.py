"""The search log, and what was looked at for each party: coverage beside every later number."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from witnessmark.archive.archive import Archive
from witnessmark.errors import BadInput, Refused
from witnessmark.model import Protected, Recorded, SearchRecorded
from witnessmark.model.statement import Instant, PublicText, Token

UNKNOWN = "unknown"
_KEPT = "Nothing was recorded."
_PLATFORM = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a person says of a search; see `SearchRecorded`. `at` is a time of day with its zone, or
    "" for now."""

    terms: str
    platform: str
    language: str
    party: str = UNKNOWN
    results: int
    taken: int = 0
    at: str = ""
    where: str = ""
    remark: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What was looked at and taken in for one party.

    Attributes:
        runs, seen, stored: of collections; those for reference collections are not counted.
        not_taken: seen, and neither stored nor held before.
        searches, without_result: of the search log.
        platforms, languages: of searches.
        last: the latest start of a run, or search.
    """

    party: str
    runs: int
    seen: int
    stored: int
    not_taken: int
    searches: int
    without_result: int
    platforms: tuple[str, ...]
    languages: tuple[str, ...]
    last: str


def record(archive: Archive, search: Search) -> Recorded:
    """Puts down a search under the key of who is at work.

    Raises:
        Refused: the terms are not stated.
        BadInput: the party is not in the scope, or a word, a number or the time makes no sense.
        Locked: nobody is at work.
    """
    if not search.terms.strip():
        raise Refused("What was looked for is not stated.", kept=_KEPT, todo="Give the terms.")
    _check(search, (*archive.scope().parties, UNKNOWN))
    archive.working_person()
    said = SearchRecorded(
        platform=Token(search.platform),
        language=Token(search.language),
        party=PublicText(search.party),
        searched_at=Instant(_instant(search.at)),
        results=search.results,
        taken=search.taken,
        terms=archive.protect("terms", search.terms),
        where=_sealed(archive, "where", search.where),
        remark=_sealed(archive, "remark", search.remark),
    )
    return archive.say(said)


def _sealed(archive: Archive, field: str, value: str) -> Protected | None:
    return archive.protect(field, value) if value.strip() else None


def _check(search: Search, parties: tuple[str, ...]) -> None:
    if search.party not in parties:
        raise BadInput(
            f"'{search.party}' is not a party of this archive's scope.",
            kept=_KEPT,
            todo=f"Parties are: {', '.join(parties)}.",
        )
    if not _PLATFORM.fullmatch(search.platform):
        raise BadInput(
            f"'{search.platform[:80]}' does not name a platform.",
            kept=_KEPT,
            todo="One word in small letters, such as telegram or web; it is public.",
        )
    if not _LANGUAGE.fullmatch(search.language):
        raise BadInput(
            f"'{search.language[:80]}' is no language.",
            kept=_KEPT,
            todo="Give its code, such as uk, hy or en; und for none.",
        )
    if not 0 <= search.taken <= search.results:
        raise BadInput(
            "More was taken than was found." if search.taken >= 0 else "No count is negative.",
            kept=_KEPT,
            todo="--results counts what came up, --taken what of it was collected.",
        )


def _instant(text: str) -> str:
    now = datetime.now(UTC)
    if not text:
        return now.strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None or found > now:
            raise ValueError(text)
        return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"'{text[:80]}' is no time with a zone, or it has not come yet.",
            kept=_KEPT,
            todo="Write it as 2026-05-31T14:00+02:00; leave it out for now.",
        ) from error


def searches(archive: Archive) -> Iterator[Recorded]:
    """All searches, in the order they were put down."""
    for index in archive.queries.acts(SearchRecorded.TYPE):
        yield archive.journal.entry(index)


def coverage(archive: Archive) -> list[Coverage]:
    """For each party of the scope, in its order, then what is unknown, then parties of before."""
    sums: dict[str, Counter[str]] = {}
    words: dict[str, dict[str, set[str]]] = {}
    for party, counts, said in _looked(archive):
        sums.setdefault(party, Counter()).update(counts)
        for kind, word in said.items():
            words.setdefault(party, {}).setdefault(kind, set()).add(word)
    known = (*archive.scope().parties, UNKNOWN)
    rows = []
    for party in dict.fromkeys((*known, *sorted(sums))):
        count, told = sums.get(party, Counter()), words.get(party, {})
        rows.append(
            Coverage(
                party=party,
                **{name: count[name] for name in _COUNTS},
                platforms=tuple(sorted(told.get("platform", ()))),
                languages=tuple(sorted(told.get("language", ()))),
                last=max(told.get("last", {""})),
            )
        )
    return rows


_COUNTS = ("runs", "seen", "stored", "not_taken", "searches", "without_result")


def _looked(archive: Archive) -> Iterator[tuple[str, Mapping[str, int], Mapping[str, str]]]:
    """Of each run and search the party, what it adds to the sums, and its words."""
    for row in archive.queries.runs():
        if row.reference is None:
            tally = row.tally or {}
            held = tally.get("stored", 0) + tally.get("already_held", 0)
            seen = tally.get("seen", 0)
            counts = {"runs": 1, "seen": seen, "stored": tally.get("stored", 0)}
            yield row.party, counts | {"not_taken": seen - held}, {"last": row.started_at}
    for recorded in searches(archive):
        said = recorded.said
        assert isinstance(said, SearchRecorded)
        told = {"platform": said.platform, "language": said.language, "last": said.searched_at}
        yield said.party, {"searches": 1, "without_result": int(said.results == 0)}, told
