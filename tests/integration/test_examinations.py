"""Every registered examination over real, cut and flipped files: always a report, soon."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import footage
from witnessmark.model.finding import RESULTS
from witnessmark.model.statement import PATTERNS, Token
from witnessmark.record.canonical import MAX_SUMMARY, canonical
from witnessmark.verification.examinations import INLINE, load, run

SAMPLES = footage.SHARED / "samples"
NAMES = sorted(load())
TOKEN = PATTERNS[Token]
LIMIT_SECONDS = 5.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small files made on the spot, so that the test means something anywhere."""
    folder = tmp_path_factory.mktemp("made")
    files = {}
    for suffix in ("mp4", "mkv", "mov", "avi"):
        path = footage.synthetic(folder / f"clip.{suffix}", seconds=1.0, size=(96, 64))
        files[path.name] = path.read_bytes()
    return {**files, "empty": b"", "text": b"To whom it may concern.\n" * 50}


def check(name: str, data: bytes) -> dict[str, object]:
    started = time.monotonic()
    result = run(io.BytesIO(data), {"name": name, "size": len(data)})
    assert time.monotonic() - started < LIMIT_SECONDS
    value = result.value
    assert isinstance(value, dict)
    assert value["result"] in RESULTS
    assert TOKEN.fullmatch(value["reason"])
    assert TOKEN.fullmatch(value["range"])
    if value["result"] in ("inconclusive", "not_applicable"):
        assert value["reason"]
    for key, text in value["values"].items():
        assert TOKEN.fullmatch(key), key
        assert TOKEN.fullmatch(text), (key, text)
    assert len(canonical(value["values"])) <= MAX_SUMMARY
    canonical({k: v for k, v in value.items() if k != "tags"})
    if result.blobs:
        assert value["output"] is None
        assert len(result.blobs["output"]) > INLINE
    return value


def damaged(data: bytes, seed: str) -> list[bytes]:
    """Cuts at several lengths, and copies with flipped bits, the same in every run."""
    rng = random.Random(seed)
    cuts = [data[: int(len(data) * part)] for part in (0.001, 0.02, 0.3, 0.7, 0.999)]
    flips = []
    for span in (400, len(data)):
        copy = bytearray(data)
        for _ in range(20):
            copy[rng.randrange(min(span, len(copy)))] ^= 1 << rng.randrange(8)
        flips.append(bytes(copy))
    tail = bytearray(data)
    for _ in range(20):
        tail[-1 - rng.randrange(min(3000, len(tail)))] ^= 1 << rng.randrange(8)
    return [*cuts, *flips, bytes(tail)]


def test_both_built_ins_come_in_by_the_door() -> None:
    assert {"container", "metadata"} <= set(NAMES)
    for name, examination in load().items():
        assert examination.name == name
        assert all(TOKEN.fullmatch(text) for text in examination.tools().values())


@pytest.mark.parametrize("name", NAMES)
def test_made_files(name: str, made: dict[str, bytes]) -> None:
    for label, data in made.items():
        check(name, data)
        if data:
            for each in damaged(data, label):
                check(name, each)


def test_what_is_read_is_right(made: dict[str, bytes]) -> None:
    values = check("metadata", made["clip.mp4"])["values"]
    assert (values["stream0.width"], values["stream0.height"]) == ("96", "64")
    assert values["stream0.codec"] == "h264"
    assert values["duration"] == "1.000000"
    assert values["rotation"] == "0"
    assert check("container", made["clip.mp4"])["values"]["track0.handler"] == "vide"
    assert check("container", made["clip.mkv"])["reason"] == "not_isobmff"
    assert check("metadata", made["text"])["reason"] == "not_media"
    cut = made["clip.mp4"][: len(made["clip.mp4"]) // 2]
    assert check("metadata", cut)["reason"] == "truncated_moov"
    assert check("container", cut)["reason"] == "truncated"


def test_tags_are_kept_apart(made: dict[str, bytes]) -> None:
    value = check("metadata", made["clip.mp4"])
    assert value["tags"]["container.major_brand"] == "isom"
    assert int(value["values"]["tags"]) == len(value["tags"])
    assert "Lavf" not in str(value["values"]) + str(value["output"])


@pytest.mark.shared
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not here")
@pytest.mark.parametrize("name", NAMES)
def test_samples(name: str) -> None:
    for path in sorted(SAMPLES.glob("*/*")):
        data = path.read_bytes()
        check(name, data)
        for each in damaged(data, path.name):
            check(name, each)


SANDBOXED = """
import io, os, sys
from pathlib import Path
from witnessmark.verification.examinations import load, run
files = [Path(name).read_bytes() for name in sys.argv[1:]]
def audit(event, args):
    if event in ("open", "import", "socket.__new__", "subprocess.Popen", "os.exec"):
        print(event, args[:1], file=sys.stderr)
        os._exit(9)
sys.addaudithook(audit)
for data in files:
    for name in load():
        run(io.BytesIO(data), {"name": name, "size": len(data)})
        load()[name].tools()
"""


def test_a_worker_opens_and_imports_nothing_after_its_start(tmp_path: Path) -> None:
    made = [
        footage.synthetic(tmp_path / f"clip.{suffix}", seconds=0.5, size=(96, 64))
        for suffix in ("mp4", "mkv")
    ]
    paths = [str(path) for path in (*made, *sorted(SAMPLES.glob("*/*")))]
    done = subprocess.run(
        [sys.executable, "-c", SANDBOXED, *paths], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
