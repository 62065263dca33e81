"""Anchoring without a network: a door behind which an authority signs in this very process.

For faults and kills, where a second process would only blur what is looked at.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

from support.forge import der
from support.forge.tokens import START, Authority, Token
from witnessmark import settings
from witnessmark.anchoring.der import SEQUENCE, one
from witnessmark.anchoring.http import Door
from witnessmark.archive import Archive, anchoring
from witnessmark.archive.stamps import Outcome

_LATE = datetime(2100, 1, 1, tzinfo=UTC)
ROOT = Authority("Root in this process", until=_LATE)
STAMPER = Authority("Stamper in this process", issuer=ROOT, use="stamp", until=_LATE)


@dataclasses.dataclass(frozen=True)
class Answer(Token):
    """A token that bears the nonce of a request, over the digest that it asks for."""

    request: bytes = b""

    def _info(self, text: bytes) -> bytes:
        del text  # the request has its digest
        _, imprint, nonce, *_ = one(self.request, SEQUENCE).members()
        moment = der.generalized(self.when)
        policy = der.oid("1.2.3.4.1")
        parts = (der.integer(1), policy, imprint.raw, der.integer(1), moment, nonce.raw)
        return der.sequence(*parts)


@dataclasses.dataclass(frozen=True, slots=True)
class HereDoor(Door):
    """Answers every question at once, by an authority of its own."""

    direct: bool = True

    def post(self, url: str, body: bytes, content_type: str, *, answer: str = "") -> bytes:
        del url, content_type, answer
        now = datetime.now(UTC)
        return Answer(signer=STAMPER, extra=(), when=max(now, START), request=body).response(b"")


def name_here(folder: Path, *names: str) -> None:
    """Adds to the settings in `folder`: these authorities, all behind a `HereDoor`."""
    (folder / "here.pem").write_bytes(ROOT.pem)
    path = folder / settings.FILE
    lines = [path.read_text(encoding="utf-8"), "[anchors]", "direct = true"]
    for name in names or ("here", "there"):
        lines += ["[[anchors.authorities]]", f'name = "{name}"']
        lines += ['url = "http://127.0.0.1:9/"', 'roots = "here.pem"']
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def anchor_here(archive: Archive) -> list[Outcome]:
    """One anchor: two stamps over the newest checkpoint, without leaving the process."""
    return anchoring.anchor(archive, door=HereDoor(), pause=lambda _: None)
