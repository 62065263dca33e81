"""A small package of everything that matters, and where a bit of it may change without harm."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.forge import package as b
from support.forge import zips
from support.forge.package import ANNA, BOHDAN, Earlier, Package
from support.forge.renewals import HELD, Renewal
from support.forge.tokens import Token
from tests.corpus.holding import CONTRARY, contrary, receipted, transferred
from tests.corpus.stamps import BLOCK, LISTS, MADE, ROOTS, WITNESS_KEY, W
from tests.unit.checker.subject import check

#: Bits of a ZIP's headers that nothing rests on, by field: first bit in the header, how many, why.
LOCAL_FREE = (
    (32, 16, "version needed: says nothing about the bytes"),
    (59, 1, "flag of UTF-8 names: all names are ASCII"),
    (80, 32, "time and date: no claim is made of them"),
    (112, 32, "CRC: every file has its SHA-256"),
)
CENTRAL_FREE = (
    (32, 16, "version made by"),
    (48, 16, "version needed"),
    (75, 1, "flag of UTF-8 names"),
    (96, 32, "time and date"),
    (128, 32, "CRC"),
    (288, 16, "internal attributes: text or not"),
    (304, 32, "external attributes, but for what makes it no plain file"),
)


def package() -> Package:
    """Everything that the pages know, in about 25 kB."""
    made = b.record()
    size = len(made.entries)
    contrary(made)
    transfer = transferred(made, b.Signer(41))
    receipted(made, transfer, b.Signer(41))
    made.add("value.erased/1", b.seconded("value.erased/1", BOHDAN, BOHDAN), ANNA)
    for kind, fields in b.later_statements().items():
        if kind not in ("custody.transferred/1", "material.linked/1"):
            made.add(kind, fields, BOHDAN if kind in b.SIGNED else None)
    stamps = {"first.tsr": Token().response, "calendar.ots": lambda _: MADE}
    over_the_row = {"first.tsr": Token(imprint_hash="sha384", digest="sha384").response}
    renewal = Renewal(made, "sha384", (*HELD, CONTRARY), stamps=over_the_row)
    return renewal.package(
        objects=[b.VIDEO, b.THUMBNAIL, CONTRARY],
        earlier={size: Earlier(stamps=stamps, cosigners=[W.cosign]), 5: Earlier()},
        cosigners=[W.cosign],
    )


#: Whether a signature holds depends on its arguments alone: the same is not computed twice.
for name in ("signature_holds", "signed_by"):
    setattr(check, name, functools.cache(getattr(check, name)))


def answer(path: Path) -> Any:
    """What check.py says to a reader who brings everything that can be asked for."""
    return check.check(str(path), dataclasses.replace(_read(), archives=[], witnesses=[]))


@functools.cache
def _read() -> Any:
    """What the reader brings, read once: a check adds its keys and changes nothing else."""
    trust = check.Trust()
    for number, data in enumerate(outside()):
        trust.add(data, f"trust-{number}")
    return trust


@functools.cache
def outside() -> tuple[bytes, ...]:
    """Files that the reader brings."""
    keys = b"\n".join([b.ARCHIVE.verifier().encode(), WITNESS_KEY, BLOCK])
    return keys, ROOTS + LISTS, package().record.checkpoint()


def free_bits(data: bytes) -> set[int]:
    """Numbers of the bits of a ZIP that may change: those of the fields above."""
    free: set[int] = set()
    for mark, fields in ((b"PK\x03\x04", LOCAL_FREE), (b"PK\x01\x02", CENTRAL_FREE)):
        for start in headers(data, mark):
            for first, count, _ in fields:
                free.update(range(8 * start + first, 8 * start + first + count))
    return free


def headers(data: bytes, mark: bytes) -> Iterator[int]:
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 4)


def contents(path: Path) -> set[int]:
    """Places in a ZIP that lie in its files, not in what is around them."""
    members = check.read_zip(str(path)).values()
    return {place for each in members for place in range(each.start, each.start + each.size)}


def zipped(path: Path) -> Path:
    return zips.write(path, zips.items(package().files()))
