"""Stamps from outside over the record's checkpoints: now, on a schedule, and looked at again.

The network is asked without any lock on the archive: nothing waits for an authority. A stamp's
blob is durable before its entry; what was not recorded when a process died is asked for again.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from witnessmark.anchoring import blocks, calendars, hashes, tokens
from witnessmark.anchoring.http import Door, NoAnswer
from witnessmark.archive import stamps
from witnessmark.archive.archive import Archive
from witnessmark.archive.stamps import OPENTIMESTAMPS, PARTNER, RFC3161, Outcome, Text
from witnessmark.catalog.standing import Standing, Standings
from witnessmark.errors import BadInput, BadStamp, NotFound, StoreFailure, WitnessmarkError
from witnessmark.model import (
    AnchorFailed,
    AnchorReceived,
    CosignatureReceived,
    DigestsRenewed,
    RenewalAnchored,
)
from witnessmark.model.statement import Sha256, Token
from witnessmark.ports import AnchorRow
from witnessmark.settings import Authority, Calendar

#: entries that anchoring itself makes: alone, they are nothing new to stamp
OWN = frozenset(
    {
        *(AnchorReceived.TYPE, AnchorFailed.TYPE, CosignatureReceived.TYPE),
        *(DigestsRenewed.TYPE, RenewalAnchored.TYPE),
    }
)
#: of a failure, when it was a renewal that was to be stamped
RENEWAL = "renewal"
#: advised at least
ENOUGH = 2
#: seconds before each further attempt of one go, and for one question
_PAUSES, _SECONDS = (2.0, 8.0), 30.0
#: failures, newest first, among which `failures` looks
_LOOKED_AT = 200
_FIRST_WAIT = timedelta(minutes=15)
#: blocks of one proof whose headers a service is asked for; a proof needs one
_ASKED_BLOCKS = 16

Clock = Callable[[], datetime]
Pause = Callable[[float], None]


def _now() -> datetime:
    return datetime.now(UTC)


def standings(archive: Archive) -> Standings:
    """How entries stand."""
    return Standings(archive.queries.anchors())


def newest(archive: Archive) -> Standing:
    """How the newest entry stands that anchoring did not make itself.

    Unanchored, `since` is the time of the first such entry that no outside time holds.
    """
    found, head = standings(archive), archive.journal.head()
    entries = (archive.journal.entry(n) for n in range(head.size - 1 if head else -1, -1, -1))
    last = next(each for each in entries if each.entry.type not in OWN)
    rest = archive.journal.read(min(found.size, last.index))
    first = next(each for each in rest if each.entry.type not in OWN)
    return found.of(last.index, first.entry.at)


def failures(archive: Archive) -> list[str]:
    """Who gave no stamp when asked last.

    What failed through a partner is kept as theirs, what came through them as the authority's.
    """
    latest: dict[tuple[str, str], tuple[int, AnchorFailed]] = {}
    for index in archive.queries.acts(AnchorFailed.TYPE)[-_LOOKED_AT:]:
        said = archive.journal.entry(index).said
        assert isinstance(said, AnchorFailed)
        latest[said.kind, said.authority] = index, said
    for row in archive.queries.anchors():
        for name in (row.authority, *([PARTNER] if row.via == PARTNER else [])):
            if latest.get((row.kind, name), (row.entry, None))[0] < row.entry:
                del latest[row.kind, name]
    for index in archive.queries.acts(RenewalAnchored.TYPE):
        stamped = archive.journal.entry(index).said
        assert isinstance(stamped, RenewalAnchored)
        if latest.get((RENEWAL, stamped.authority), (index, None))[0] < index:
            del latest[RENEWAL, stamped.authority]
    return [
        f"{said.authority} gave no stamp when asked last: {said.reason.replace('_', ' ')} "
        f"(entry {index})."
        for index, said in latest.values()
    ]


def advice(archive: Archive) -> list[str]:
    """What is unwise about who stamps."""
    anchors = archive.settings.anchors
    found = []
    if len(anchors.authorities) < ENOUGH:
        found.append(
            f"{len(anchors.authorities)} time-stamping authorities are named in archive.toml: "
            f"name at least {ENOUGH}, so that no single one is believed."
        )
    if anchors.direct and not archive.settings.proxy:
        found.append(
            "Authorities are asked without a proxy (direct = true): the rhythm of the questions "
            "tells your address, and that an archive is here."
        )
    until = anchors.relied_until.sha256
    if hashes.ages(anchors, "sha256", _now()) and not _is_renewed(archive):
        better = hashes.to_ask(anchors, _now())
        found.append(
            f"The record stands on SHA-256, which is relied upon until {until}: "
            f"'witnessmark anchor --renew {better}' has everything hashed again and stamped."
        )
    return found


def _is_renewed(archive: Archive) -> bool:
    """Whether everything but what anchoring made is covered by a renewal that was stamped."""
    head, size = archive.journal.head(), 0
    for index in archive.queries.acts(RenewalAnchored.TYPE):
        stamped = archive.journal.entry(index).said
        assert isinstance(stamped, RenewalAnchored)
        renewed = archive.journal.entry(stamped.renewal).said
        size = max(size, renewed.size) if isinstance(renewed, DigestsRenewed) else size
    rest = archive.journal.read(size, head.size if head else 0)
    return all(each.entry.type in OWN for each in rest)


def anchor(
    archive: Archive,
    *,
    due: bool = False,
    door: Door | None = None,
    clock: Clock = _now,
    pause: Pause = time.sleep,
) -> list[Outcome]:
    """Asks for stamps over the newest checkpoint, and whether earlier promises were kept.

    Args:
        due: only those whose time has come (`every_hours`, `restamp_days`, waits after failures).

    Raises:
        BadInput: nobody is named who could stamp.
        Refused: there is no proxy (`no_proxy`).
    """
    return _Go(archive, due, door or door_of(archive), clock, pause).run()


def door_of(archive: Archive) -> Door:
    settings = archive.settings
    return Door(settings.proxy, direct=settings.anchors.direct, seconds=_SECONDS)


class _Go:
    """One go: everybody once, one entry for each."""

    def __init__(self, archive: Archive, due: bool, door: Door, clock: Clock, pause: Pause) -> None:
        self._archive, self._due, self._door = archive, due, door
        self._clock, self._pause = clock, pause
        self._anchors = archive.settings.anchors
        self._rows = archive.queries.anchors()
        self._headers: dict[int, bytes] | None = None
        self._newest = stamps.text_of(archive)

    def run(self) -> list[Outcome]:
        """Promises first, then the newest checkpoint."""
        whom: list[Authority | Calendar] = [
            *(each for each in self._anchors.authorities if each.url),
            *self._anchors.calendars,
        ]
        if not whom:
            raise BadInput(
                "Nobody is named who could stamp this record.",
                kept="Nothing was sent.",
                todo="Name two authorities in archive.toml, or let a partner ask (--request); "
                "'witnessmark anchor --help' shows how.",
                code="no_authorities",
            )
        _ = self._door.via  # shut without a proxy
        kept = [each for row in self._rows if not row.stands for each in self._upgrade(row)]
        return [*kept, *(self._ask(each) for each in whom)]

    # --- asking ---------------------------------------------------------------------------------

    def _ask(self, whom: Authority | Calendar) -> Outcome:
        kind = RFC3161 if isinstance(whom, Authority) else OPENTIMESTAMPS
        mine = [row for row in self._rows if (row.kind, row.authority) == (kind, whom.name)]
        last = max(mine, key=lambda row: (row.size, row.entry), default=None)
        aging = last is not None and kind == RFC3161 and self._ages(last)
        text = self._newest if aging else self._text()
        bare = Outcome(authority=whom.name, kind=kind, size=text.size, state="waiting")
        if why := self._not_now(f"anchor {kind} {whom.name}", None if aging else last, text):
            return dataclasses.replace(bare, reason=why[0], what=why[1])
        subject = f"anchor {kind} {whom.name}"

        def once() -> AnchorReceived:
            if isinstance(whom, Authority):
                return self._stamp(whom, text)
            proof = calendars.submit(self._door, whom.url, text.digest)
            return stamps.promised(self._archive, text, whom.name, proof, self._door.via)

        return self._try(bare, subject, text, once)

    def _try(
        self, bare: Outcome, subject: str, text: Text, once: Callable[[], AnchorReceived]
    ) -> Outcome:
        """One entry: the stamp, or why there is none."""
        attempts = 0
        for wait in (*_PAUSES, None):
            attempts += 1
            try:
                said = once()
            except (NoAnswer, BadStamp, BadInput) as error:
                if wait is None or not _passes(error):
                    return self._failed(bare, subject, text, error, attempts)
                self._pause(wait)
                continue
            self._archive.work.answered(subject)
            return stamps.record(self._archive, said)
        raise AssertionError

    def _failed(
        self, bare: Outcome, subject: str, text: Text, error: WitnessmarkError, attempts: int
    ) -> Outcome:
        failed, _ = self._archive.work.asked(subject)
        longest = timedelta(hours=max(1, self._anchors.every_hours))
        wait = min(_FIRST_WAIT * 2 ** min(failed, 10), longest)
        again = stamps.instant(self._clock() + wait)
        self._archive.work.ask_again(subject, failed + 1, again)
        said = AnchorFailed(
            size=text.size,
            root=Sha256(text.root),
            kind=Token(bare.kind),
            authority=Token(bare.authority),
            reason=Token(error.code),
            attempts=attempts,
        )
        entry = self._archive.say(said).index
        return dataclasses.replace(
            bare,
            state="failed",
            reason=error.code,
            what=error.what,
            todo=error.todo,
            entry=entry,
        )

    def _stamp(self, whom: Authority, text: Text) -> AnchorReceived:
        roots, lists = stamps.pinned(self._archive, whom)
        question = tokens.question(text.data, hashes.to_ask(self._anchors, self._clock()))
        response = self._door.post(whom.url, question.request, tokens.QUERY, answer=tokens.REPLY)
        return stamps.stamped(
            self._archive, text, whom.name, response, roots, lists,
            nonce=question.nonce, via=self._door.via, since=self._clock(), now=self._clock(),
        )  # fmt: skip

    # --- when -----------------------------------------------------------------------------------

    def _text(self) -> Text:
        """The newest checkpoint, or the last one stamped when only anchors came since.

        So those who failed while others stamped are asked for the same checkpoint.
        """
        last = max((row.size for row in self._rows), default=0)
        if not last or self._has_news(last, self._newest.size):
            return self._newest
        return stamps.text_of(self._archive, last)

    def _not_now(self, subject: str, last: AnchorRow | None, text: Text) -> tuple[str, str] | None:
        """A word and a sentence, when there is nothing to ask for yet.

        `last` is the stamp that a new one need not replace, when there is one.
        """
        if last and not self._has_news(last.size, text.size):
            what = f"nothing new since the checkpoint of {last.size} entries"
            return "nothing_new", what
        if not self._due:
            return None
        _, not_before = self._archive.work.asked(subject)
        if last:
            again = stamps.moment(last.received_at) + timedelta(hours=self._anchors.every_hours)
            not_before = max(not_before, stamps.instant(again))
        soon = stamps.instant(self._clock()) < not_before
        return ("not_due", f"not before {not_before}") if soon else None

    def _has_news(self, since: int, size: int) -> bool:
        """Whether entries came that anchoring did not make itself."""
        return any(each.entry.type not in OWN for each in self._archive.journal.read(since, size))

    def _ages(self, row: AnchorRow) -> bool:
        """Whether a new stamp must cover this one before its certificates end, or its hashes.

        Not again before half of `restamp_days` has passed: some authorities stamp with one
        certificate to its last day, or sign by one hash for ever.
        """
        margin = timedelta(days=self._anchors.restamp_days)
        now = self._clock()
        if not row.stands or now - stamps.moment(row.received_at) < margin / 2:
            return False
        try:
            text = stamps.text_of(self._archive, row.size)
            data, ends = stamps.blob(self._archive, row.proof), stamps.ends(self._archive, row)
            stamp = tokens.check(data, text.data, ends)
            old = any(hashes.ages(self._anchors, each, now) for each in stamp.hashes)
            return old or stamp.until - now < margin
        except WitnessmarkError:
            return True  # a stamp that does not hold any more is replaced; `check` says why

    # --- promises -------------------------------------------------------------------------------

    def _upgrade(self, row: AnchorRow) -> Iterator[Outcome]:
        """Whether a promise was kept. Recorded when it was, or when asking failed."""
        bare = Outcome(authority=row.authority, kind=row.kind, size=row.size, state="waiting")
        subject = f"upgrade {row.size} {row.authority}"
        attempts, not_before = self._archive.work.asked(subject)
        if self._due and stamps.instant(self._clock()) < not_before:
            return
        text = stamps.text_of(self._archive, row.size)
        try:
            said = self._kept(row, text)
        except (NoAnswer, BadStamp, BadInput) as error:
            yield self._failed(bare, subject, text, error, 1)
        except (StoreFailure, NotFound) as error:
            yield dataclasses.replace(
                bare, state="failed", reason=error.code, what=error.what, todo=error.todo
            )
        else:
            if isinstance(said, AnchorReceived):
                self._archive.work.answered(subject)
                yield stamps.record(self._archive, said)
                return
            again = stamps.instant(self._clock() + timedelta(hours=1))
            self._archive.work.ask_again(subject, attempts, again)
            yield dataclasses.replace(bare, reason=said[0], what=said[1])

    def _kept(self, row: AnchorRow, text: Text) -> AnchorReceived | tuple[str, str]:
        """What to say of a promise that was kept; a word and a sentence when it was not yet."""
        named = {each.name: each for each in self._anchors.calendars}
        if row.authority not in named:
            return "no_calendar", "its calendar is not in archive.toml any more"
        held = calendars.read(stamps.blob(self._archive, row.proof), text.digest)
        grown = calendars.upgrade(self._door, named[row.authority].url, held, text.digest)
        if grown is None:
            return "no_block_yet", "promised, not yet in a block"
        known = self._known_headers(grown)
        found = blocks.confirm(grown, known)
        if found is None:
            heights = ", ".join(str(height) for height, _ in grown.blocks)
            what = f"in a block, says the calendar; the header of block {heights} is needed"
            return "needs_headers", what
        if self._anchors.headers_url:
            stamps.remember_header(self._archive, found.height, known[found.height])
        return stamps.confirmed(self._archive, text, row, grown, found, self._door.via)

    def _known_headers(self, proof: calendars.Proof) -> dict[int, bytes]:
        """Headers from the settings' file, and from their service those that it lacks.

        A calendar can name thousands of blocks in one answer; the service is asked for the first
        few alone.
        """
        if self._headers is None:
            self._headers = stamps.headers(self._archive)
        url = self._anchors.headers_url
        for height, _ in proof.blocks[:_ASKED_BLOCKS] if url else ():
            if height not in self._headers:
                self._headers[height] = blocks.ask(self._door, url, height)
        return self._headers


def _passes(error: WitnessmarkError) -> bool:
    """Whether asking again at once may help."""
    busy = isinstance(error, NoAnswer) and error.status >= 500
    return busy or error.code == "unreachable"
