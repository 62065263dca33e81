"""Checking a package with one large original in the browser, as somebody without Python does."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.collecting import collect, hash_file, timed
from bench.packages import hand_over
from bench.report import Row
from support.browser import CHROMIUM, Checker, chromium
from witnessmark.archive import Archive

SMALL, GIGABYTE = 50_000_000, 1_000_000_000
#: What the page may hold more for a large original than for a small one, in MB.
SPARE = 64


def package(place: Path, size: int) -> Path:
    """A package of one sparse original, and beside it the key to trust."""
    source = place / "source"
    source.mkdir(parents=True)
    with open(source / "film.mp4", "wb") as file:
        file.write(b"one")
        file.truncate(size)
    collect(source, place / "archive")
    with Archive.open(place / "archive") as archive:
        made = hand_over(archive, place / "package")
    shutil.rmtree(place / "archive")
    shutil.rmtree(source)
    return made


def check(checker: Checker, made: Path) -> None:
    """Choose the folder and the key, press the button, wait for the answer."""
    checker.choose(made, made.with_name("trust.txt"))
    assert checker.answer(timeout=3600)["outcome"] == "holds"


def status(process: Path) -> dict[str, str]:
    """What the kernel says of a process, by name."""
    lines = (process / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def peak() -> float:
    """The most that a process of ours which shows pages has held since it began, in MB."""
    running: dict[int, dict[str, str]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            shows = b"--type=renderer" in (process / "cmdline").read_bytes()
            running[int(process.name)] = status(process) | {"shows": "yes" if shows else ""}

    def is_ours(number: int) -> bool:
        while number in running and number != os.getpid():
            number = int(running[number]["PPid"])
        return number == os.getpid()

    shown = [found for number, found in running.items() if found["shows"] and is_ours(number)]
    return max(int(found["VmHWM"].split()[0]) / 1024 for found in shown)


def measured(place: Path, size: int) -> Iterator[float]:
    """Seconds in the browser, peak memory there, seconds of one hashlib pass."""
    made = package(place, size)
    with chromium() as checker:
        yield timed(lambda: check(checker, made))
        yield peak()
    yield timed(lambda: [hash_file(path) for path in made.rglob("*") if path.is_file()])


def page(place: Path, gigabytes: int = 1) -> list[Row]:
    """Seconds against one hashlib pass, and memory against that for a small original."""
    what = f"check.html in Chromium, an original of {gigabytes} GB"
    if CHROMIUM is None:
        return [Row(what, "not measured", remark="there is no Chromium on this machine")]
    _, little, _ = measured(place / "small", SMALL)
    seconds, much, floor = measured(place / "large", gigabytes * GIGABYTE)
    speed = gigabytes * GIGABYTE / 1e6 / seconds
    return [
        Row(f"{what} / one hashlib pass, throughput", f"{floor / seconds:.2f}x",
            remark=f"{seconds:.1f} s against {floor:.1f} s, {speed:.0f} MB/s"),
        Row(f"{what}, memory more than for {SMALL // 1_000_000} MB", f"{much - little:.0f} MB",
            f"< {SPARE} MB", much - little < SPARE, f"peak {much:.0f} MB against {little:.0f} MB"),
    ]  # fmt: skip


def page_with_five(place: Path) -> list[Row]:
    """The same with 5 GB."""
    return page(place, 5)
