"""The plain words that go with a package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_TEXT = """\
WHAT THIS IS

Evidence handed over from the archive {origin}, with the part of
its record that speaks of it: {objects} objects, {entries} entries of a record of {size}.

HOW TO CHECK IT

Get check.py from somewhere else than this package (a checker that came along cannot notice
that it was swapped), and the archive's key by another way than this package. Then:

    python3 check.py THIS-FOLDER --trust KEYFILE

It needs Python 3.11 and nothing else, and no network.

WHAT IS IN IT

data/objects      originals, byte for byte as collected, named by their SHA-256
data/attachments  what findings and sightings point to
data/record       entries, tiles and checkpoint of the record
data/disclosures  protected values that were disclosed to you, if any

{lines}
WHAT THIS DOES NOT PROVE

That the bytes are unchanged since they were collected does not mean that what they show is
true, where or when it happened, or who did it. Times in the record are the archive's own
clock, a claim; times of posts are graded by who vouches for them. This package carries no
outside time stamps: when it existed is not proven by it. What was not examined is said so in
the findings. Names, captions and places that are not disclosed stand as commitments.
"""


def text(origin: str, size: int, objects: int, entries: int, notices: Sequence[str]) -> str:
    """The README of a package; `notices` are sentences about this collection's limits."""
    lines = "".join(f"NOTICE: {notice}\n" for notice in notices)
    return _TEXT.format(origin=origin, size=size, objects=objects, entries=entries, lines=lines)


def one_sided(parties: Sequence[str], runs_per_party: Mapping[str, int]) -> str:
    """A notice when some party's channels were never looked at (requirement R02), or ``."""
    missing = [party for party in parties if not runs_per_party.get(party)]
    if not missing or len(missing) == len(parties):
        return ""
    return f"one-sided collection: no run covers a channel of {', '.join(missing)}"
