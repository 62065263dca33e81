"""Every stamp of the corpus, good and bad: what the product takes, check.py takes too."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import authority, calendar, checker
from support.forge.package import Earlier, Package
from tests.corpus.case import ARCHIVE_KEY, Case
from tests.corpus.cases import CASES
from witnessmark.anchoring import blocks, calendars, certificates, tokens
from witnessmark.anchoring.http import Door
from witnessmark.errors import BadInput, BadStamp
from witnessmark.record.note import parse

STAMPS = re.compile(r"data/(checkpoints|renewals)/(\d+)/[a-z0-9-]+\.(tsr|ots)")
#: what check.py says when a stamp itself does not hold
CODES = {"header", "ots", "ots_block", "ots_digest"} | {
    f"token{each}"
    for each in ("", "_hash", "_imprint", "_eku", "_signature", "_validity", "_chain", "_revoked")
}


def stamped(place: Path) -> tuple[bytes, str]:
    """What the stamps in a folder are over, and the weakest hash that will do."""
    if place.parent.name == "checkpoints":
        return parse((place / "checkpoint").read_bytes()).text.encode(), "sha256"
    line = (place / "files").read_bytes().partition(b"\n")[0]
    return (place / "row").read_bytes(), "sha384" if len(line) == 64 + 1 + 96 else "sha512"


def taken(folder: Path, trust: tuple[bytes, ...]) -> list[str]:
    """For each stamp of a package "" when it is taken, or the reason."""
    pem = b"\n".join(each for each in trust if each.startswith(b"-----BEGIN"))
    roots = certificates.from_pem(pem) if b"BEGIN CERTIFICATE" in pem else []
    lists = certificates.lists_from_pem(pem)
    lines = [line for each in trust for line in each.decode().splitlines()]
    headers = "\n".join(line for line in lines if line.startswith("block "))
    found = []
    for path in sorted(folder.rglob("*")):
        if not STAMPS.fullmatch(path.relative_to(folder).as_posix()):
            continue
        text, least = stamped(path.parent)
        try:
            if path.suffix == ".tsr":
                tokens.check(path.read_bytes(), text, roots, lists=lists, least=least)
            else:
                proof = calendars.read(path.read_bytes(), hashlib.sha256(text).digest())
                if not blocks.confirm(proof, blocks.parse(headers)):
                    raise BadStamp("It has no header.", code="no_header")
            found.append("")
        except (BadStamp, BadInput) as error:
            found.append(error.code)
    return found


@pytest.mark.parametrize("case", [each for each in CASES if each.code in CODES],
                         ids=lambda case: case.name)  # fmt: skip
def test_what_the_checker_refuses_is_not_taken(case: Case, tmp_path: Path) -> None:
    made = case.make(tmp_path / "package")
    assert any(taken(made, case.trust)), case.name


#: `rfc3161-client` takes no time as late as that; nor does anybody else give one.
TOO_LATE = ("token_of_the_last_second",)


def test_what_holds_is_taken(tmp_path: Path) -> None:
    good = 0
    for case in CASES:
        if case.existed_by and case.outcome == "holds" and case.name not in TOO_LATE:
            made = case.make(tmp_path / case.name)
            if made.is_dir() and (reasons := taken(made, case.trust)):
                assert "" in reasons, case.name
                good += 1
    assert good >= 5


@pytest.mark.skipif(not authority.OPENSSL, reason="there is no openssl here")
@pytest.mark.parametrize("kind", ["p256", "rsa", "p384"])
def test_a_package_with_real_stamps_holds(kind: str, tmp_path: Path) -> None:
    """What is taken from `openssl ts` and a calendar, check.py takes with the same roots."""
    real = authority.Authority(tmp_path / "authority", kind=kind)
    times = []

    def stamp(text: bytes) -> bytes:
        question = tokens.question(text)
        response = real.stamp(question.request)
        roots = certificates.from_pem(real.roots.read_bytes())
        times.append(tokens.check(response, text, roots, nonce=question.nonce).time)
        return response

    with calendar.running() as running:
        door = Door(direct=True, seconds=5)

        def proof(text: bytes) -> bytes:
            digest = hashlib.sha256(text).digest()
            promised = calendars.submit(door, running.url, digest)
            running.mine()
            kept = calendars.upgrade(door, running.url, promised, digest)
            assert kept
            assert blocks.confirm(kept, running.headers)
            return kept.data

        package = Package(earlier={13: Earlier(stamps={"real.tsr": stamp, "real.ots": proof})})
        folder = package.write(tmp_path / "package")
        trust = "\n".join([ARCHIVE_KEY.decode(), running.lines()])
    assert checker.outcome(folder, trust) == ("holds", "")
    report = full(folder, trust, real.roots.read_text())
    assert report["existed_by"] == times[0].strftime("%Y-%m-%dT%H:%M:%SZ")
    assert not {"unanchored", "needs_roots", "needs_headers"} & set(report["reports"])


def full(folder: Path, *trust: str) -> dict:
    """The whole answer of check.py."""
    command = [sys.executable, "-I", str(checker.CHECKER), str(folder), "--json"]
    for number, text in enumerate(trust):
        path = folder.parent / f"trust{number}"
        path.write_text(text)
        command += ["--trust", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
