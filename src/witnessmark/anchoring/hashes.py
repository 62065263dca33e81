"""How long a hash is relied upon, and which one is asked for.

When a hash ages is nobody's fact: NIST's "Policy on Hash Functions" (August 2015) saw no need to
move from SHA-2 and names no end for SHA-256. So the dates are the organisation's own, in
`archive.toml`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from witnessmark.settings import Anchors

#: weakest first
HASHES = ("sha256", "sha384", "sha512")


def is_as_strong(name: str, as_name: str) -> bool:
    """Whether a hash is not weaker than another; both of `HASHES`."""
    return HASHES.index(name) >= HASHES.index(as_name)


def ages(anchors: Anchors, name: str, now: datetime) -> bool:
    """Whether a hash is relied upon for less than `hash_days` from `now` on."""
    until: str = getattr(anchors.relied_until, name)
    if not until:
        return False
    end = datetime.fromisoformat(until).replace(tzinfo=UTC)
    return end - now < timedelta(days=anchors.hash_days)


def to_ask(anchors: Anchors, now: datetime) -> str:
    """The hash for a new question: the first that does not age, else the strongest."""
    return next((name for name in HASHES if not ages(anchors, name, now)), HASHES[-1])
