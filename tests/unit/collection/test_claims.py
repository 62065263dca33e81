"""Hashes that came along are compared with the bytes, and stay claims."""

from __future__ import annotations

import hashlib

import pytest

from witnessmark.collection.claims import Digests, compared
from witnessmark.ports import Claim

DATA = b"bytes that came"


@pytest.mark.parametrize(
    ("algorithm", "value", "agrees"),
    [
        ("sha256", hashlib.sha256(DATA).hexdigest(), "same"),
        ("sha256", hashlib.sha256(DATA).hexdigest().upper(), "same"),
        ("sha256", "0" * 64, "different"),
        ("md5", hashlib.md5(DATA).hexdigest(), "same"),
        ("sha3_512", hashlib.sha3_512(DATA).hexdigest(), "same"),
        ("sha512", hashlib.sha512(b"others").hexdigest(), "different"),
        ("pdq", "f" * 64, "not_compared"),
    ],
)
def test_a_claim_is_compared_with_the_bytes(algorithm: str, value: str, agrees: str) -> None:
    claims = (Claim("a tool", algorithm, value),)
    digests = Digests(claims)
    for part in (DATA[:5], DATA[5:]):
        digests.update(memoryview(part))
    (found,) = compared(claims, digests.made(hashlib.sha256(DATA).hexdigest()))
    assert (found.by, found.algorithm, found.value, found.agrees) == (
        "a tool", algorithm, value.lower(), agrees
    )  # fmt: skip


def test_without_bytes_nothing_is_compared() -> None:
    (found,) = compared((Claim("a tool", "sha256", "0" * 64),), {})
    assert found.agrees == "not_compared"


@pytest.mark.parametrize(
    "claim",
    [
        Claim("a tool", "ivan@example.org", "0" * 40),
        Claim("a tool", "sha1", "Main street 5"),
        Claim("a tool", "sha1\n", "0" * 40 + "\n"),
        Claim("a tool", "", ""),
        Claim("a tool", "md5", "a" * 300),
    ],
)
def test_words_from_outside_never_become_public(claim: Claim) -> None:
    """A header can hold anything; what it said stays in the protected message."""
    (found,) = compared((claim,), {})
    assert found.algorithm in ("other", "sha1", "md5")
    assert found.value in ("", "0" * 40)
