"""Where clips come from: every clip belongs to one shoot, and what cannot be had is left out."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pytest

from bench.matching import fetching, sources

FILMED = (*sources.SEEN, *sources.OTHERS)


def test_no_name_and_no_file_is_there_twice() -> None:
    names = [source.name for source in (*FILMED, *sources.RENDERED)]
    assert len(names) == len(set(names))


def test_spans_are_short_and_apart() -> None:
    for source in FILMED:
        for start, end in source.spans:
            assert 0 < end - start <= sources.LENGTH, source.name
        for (_, end), (start, _) in itertools.pairwise(source.spans):
            assert end < start, source.name


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("npm"),
        subprocess.CalledProcessError(1, ["npm"]),
        subprocess.TimeoutExpired(["npm"], 600),
    ],
)
def test_a_package_that_cannot_be_had_is_left_out(
    error: Exception,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(name: str, place: Path) -> None:
        raise error

    monkeypatch.setitem(fetching._CLIENTS, "npm", fails)
    assert not fetching.fetch("npm:any@1.0.0", {"a.mp4": "a.mp4"}, tmp_path)
    assert "npm:any@1.0.0 could not be fetched" in capsys.readouterr().out
