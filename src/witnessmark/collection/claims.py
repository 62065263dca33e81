"""Hashes that other tools and sheets claim, compared with the bytes that came."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from witnessmark.model import ClaimedHash
from witnessmark.model.statement import Token
from witnessmark.ports import Claim

#: Note of a run in which a claimed hash is not that of the bytes, and what it means.
DIFFERS = "claimed_hashes_differ"
SENTENCE = (
    "Some hashes that came along are not those of the bytes: what was taken is not what they were "
    "made of, or they are wrong. The sightings say which."
)
#: Digests of bytes; what is perceptual (`pdq`) is none. SHA-256 is made anyway.
_MADE = ("md5", "sha1", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b")
#: Claims are public, and a header or a sheet holds any words: these alone, and digits, are told.
_KNOWN = re.compile(rf"(?:{'|'.join(_MADE)}|sha256|member_sha256|blake3|pdq)(?:_in_chunks)?")
_DIGITS = re.compile(r"[0-9A-Fa-f]{1,256}")


class Digests:
    """Digests of the bytes that pass, for the algorithms that somebody claims."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        wanted = {claim.algorithm for claim in claims}
        self._made = {
            name: hashlib.new(name, usedforsecurity=False) for name in _MADE if name in wanted
        }

    def update(self, data: memoryview) -> None:
        """The next bytes."""
        for each in self._made.values():
            each.update(data)

    def made(self, sha256: str) -> dict[str, str]:
        """Algorithm to digits, of all bytes; their SHA-256 is known."""
        return {name: each.hexdigest() for name, each in self._made.items()} | {"sha256": sha256}


def compared(claims: Sequence[Claim], digests: Mapping[str, str]) -> tuple[ClaimedHash, ...]:
    """What stands in the record: each claim with whether it agrees."""
    return tuple(
        ClaimedHash(
            by=Token(claim.by),
            algorithm=Token(claim.algorithm if _KNOWN.fullmatch(claim.algorithm) else "other"),
            value=Token(claim.value.lower() if _DIGITS.fullmatch(claim.value) else ""),
            agrees=Token(_agrees(claim, digests)),
        )
        for claim in claims
    )


def _agrees(claim: Claim, digests: Mapping[str, str]) -> str:
    made = digests.get(claim.algorithm)
    if made is None:
        return "not_compared"
    return "same" if made == claim.value.lower() else "different"
