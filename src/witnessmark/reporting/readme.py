"""The plain words that go with a package."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

_TEXT = """\
WHAT THIS IS

Evidence handed over from the archive {origin}, with the part of
its record that speaks of it: {objects} {what}, {entries} entries of a record of {size}.
{profile}
When it existed, by somebody outside: {outside}.

HOW TO CHECK IT

Get check.py or check.html from somewhere else than this package (a checker that came along
cannot notice that it was swapped), and the archive's key by another way than this package:
from the people themselves, or from a paper. Their SHA-256 is published with the program; those
that made this package were

{hashes}

With Python 3.11 or newer and nothing else, no network:

    python3 check.py THIS-PACKAGE --trust KEYFILE

Without Python: open check.html in a browser, also offline, and drop this package into it.

WHAT IS IN IT

data/objects      {what}, named by their SHA-256
{attachments}data/record       entries, tiles and checkpoint of the record
data/checkpoints  earlier checkpoints with outside time-stamps and partners' signatures, if any
data/disclosures  protected values that were disclosed to you, if any

{notices}
WHAT THIS DOES NOT PROVE

That the bytes are unchanged since they were collected does not mean that what they show is
true, where or when it happened, or who did it. Times in the record are the archive's own
clock, a claim; times of posts are graded by who vouches for them.
{examined}
Names, captions and places that are not disclosed stand as commitments.
"""
_ATTACHMENTS = "data/attachments  what findings and sightings point to\n"
_FINDINGS = "What was not examined is said so in the findings."
_NO_FINDINGS = "What was found by examining the originals is not in this package."
_PROFILES = {
    "court": "Originals, byte for byte as collected, with all that the record links with them.",
    "share": "Copies without traces of devices and tools; the originals stay in the archive. That\n"
    "the copies derive from them is the record's statement until somebody compares them:\n"
    "witnessmark derive ORIGINAL --compare COPY",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Numbers and names for the first paragraphs.

    Attributes:
        outside: the earliest outside time, as a sentence.
        hashes: the checkers'.
    """

    origin: str
    size: int
    objects: int
    entries: int
    profile: str
    outside: str
    hashes: Mapping[str, str]


def text(facts: Facts, notices: Sequence[str]) -> str:
    """The README of a package; `notices` are sentences about this collection's limits."""
    said = dataclasses.asdict(facts)
    share = facts.profile == "share"
    said["what"] = "copies" if share else "originals"
    said["attachments"] = "" if share else _ATTACHMENTS
    said["examined"] = _NO_FINDINGS if share else _FINDINGS
    said["profile"] = _PROFILES[facts.profile]
    said["hashes"] = "\n".join(f"    {digest}  {name}" for name, digest in facts.hashes.items())
    said["notices"] = "".join(f"NOTICE: {notice}\n" for notice in notices)
    return _TEXT.format(**said)


def one_sided(parties: Sequence[str], runs_per_party: Mapping[str, int]) -> str:
    """A notice when some party's channels were never looked at (requirement R02), or ``."""
    missing = [party for party in parties if not runs_per_party.get(party)]
    if not missing or len(missing) == len(parties):
        return ""
    return f"one-sided collection: no run covers a channel of {', '.join(missing)}"
