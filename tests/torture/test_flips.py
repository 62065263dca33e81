"""No bit of a package changes unseen.

`make torture` flips every bit of a small package; `make test` one of each byte.
"""

from __future__ import annotations

import multiprocessing
import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from support.forge import package as b
from support.forge.package import Package
from tests.corpus.case import long_record
from tests.torture import flips
from tests.unit.checker.subject import check

SEED = 20261126


def bits(data: bytes, torture: bool, chance: random.Random) -> Iterator[int]:
    """Every bit, or one of each byte."""
    if torture:
        yield from range(8 * len(data))
    else:
        yield from (8 * place + chance.randrange(8) for place in range(len(data)))


def flipped(data: bytes, bit: int) -> bytes:
    place = bit // 8
    return data[:place] + bytes([data[place] ^ 1 << bit % 8]) + data[place + 1 :]


def flip_files(folder: Path, names: list[str], torture: bool) -> tuple[int, list[tuple[str, int]]]:
    """How many bits of these files were flipped, and those that were not noticed."""
    assert flips.answer(folder).outcome == "holds"
    tried, through = 0, []
    for name in names:
        path, chance = folder / name, random.Random(f"{SEED} {name}")
        right = path.read_bytes()
        for bit in bits(right, torture, chance):
            path.write_bytes(flipped(right, bit))
            tried += 1
            if flips.answer(folder).outcome != "refused":
                through.append((name, bit))
        path.write_bytes(right)
    assert flips.answer(folder).outcome == "holds"
    return tried, through


def test_every_bit_of_a_folder(
    tmp_path: Path, torture: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two processes, each with a copy of its own and every second file."""
    folder = flips.package().write(tmp_path / "p")
    copies = [folder, shutil.copytree(folder, tmp_path / "q")]
    files = [path for path in folder.rglob("*") if path.is_file()]
    files.sort(key=lambda path: path.stat().st_size)
    names = [str(path.relative_to(folder)) for path in files]
    shares = [names[0::2], names[1::2]]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        done = list(pool.map(flip_files, copies, shares, [torture] * 2))
    assert [each for _, through in done for each in through] == []
    tried = sum(number for number, _ in done)
    with capsys.disabled():
        print(f"\n  folder: {tried} single bits flipped, all refused")


def test_every_bit_of_a_zip(
    tmp_path: Path, torture: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused, but for the listed fields that nothing rests on; those hold as they are.

    The short form leaves out what lies in the files: that was flipped in a folder.
    """
    path = flips.zipped(tmp_path / "p.zip")
    right, chance = path.read_bytes(), random.Random(SEED)
    free, tried, harmless = flips.free_bits(right), 0, 0
    assert flips.answer(path).outcome == "holds"
    inside = set() if torture else flips.contents(path)
    for bit in bits(right, torture, chance):
        if bit // 8 in inside:
            continue
        path.write_bytes(flipped(right, bit))
        tried += 1
        found = flips.answer(path)
        if found.outcome != "refused":
            assert bit in free
            assert found.outcome == "holds"
            harmless += 1
    with capsys.disabled():
        print(f"\n  ZIP: {tried} single bits flipped; {harmless} in {len(free)} free ones harmless")


@pytest.fixture
def larger(tmp_path: Path) -> Path:
    return Package(long_record(3_000)).write(tmp_path / "p")


def outcome(folder: Path) -> str:
    trust = check.Trust()
    trust.add(b.ARCHIVE.verifier().encode(), "keys")
    return str(check.check(str(folder), trust).outcome)


def test_random_flips_and_cuts_of_a_larger_one(
    larger: Path, torture: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Flips by size of the file, so most hit entries and tiles; cuts of every file."""
    assert outcome(larger) == "holds"
    chance = random.Random(SEED)
    files = sorted(path for path in larger.rglob("*") if path.is_file())
    sizes = [path.stat().st_size for path in files]
    wanted, cuts = (10_000, 500) if torture else (100, 25)
    through = []
    for path in chance.choices(files, sizes, k=wanted):
        right = path.read_bytes()
        bit = chance.randrange(8 * len(right))
        path.write_bytes(flipped(right, bit))
        if outcome(larger) != "refused":
            through.append((path, bit))
        path.write_bytes(right)
    for path in chance.choices(files, k=cuts):
        right = path.read_bytes()
        length = chance.randrange(len(right))
        path.write_bytes(right[:length])
        if outcome(larger) != "refused":
            through.append((path, -length))
        path.write_bytes(right)
    assert through == []
    assert outcome(larger) == "holds"
    with capsys.disabled():
        print(f"\n  larger: {wanted} random flips and {cuts} lengths, all refused")
