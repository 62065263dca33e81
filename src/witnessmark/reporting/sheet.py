"""The sheet that people keep beside the archive: rows as they came in, with a stable id."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import TextIO

ID = "witnessmark_id"
OWN = (
    ID,
    "witnessmark_outcome",
    "witnessmark_reason",
    "witnessmark_sha256",
    "witnessmark_anchor",
)


def write(rows: Sequence[tuple[Mapping[str, str], Sequence[tuple[str, str]]]], out: TextIO) -> None:
    """Writes rows of (our columns, [their header, text] pairs): theirs first, ours behind.

    A sheet may have several columns of one name: the second one stays the second one. Cells that a
    spreadsheet would take for a formula get a leading apostrophe, as spreadsheets write it
    themselves.
    """
    placed = [(ours, _placed(theirs)) for ours, theirs in rows]
    columns = list(dict.fromkeys(key for _, cells in placed for key in cells))
    writer = csv.writer(out)
    writer.writerow([*(_plain(name) for name, _ in columns), *OWN])
    for ours, cells in placed:
        texts = [_plain(cells.get(key, "")) for key in columns]
        writer.writerow([*texts, *(ours[name] for name in OWN)])


def _placed(theirs: Sequence[tuple[str, str]]) -> dict[tuple[str, int], str]:
    """Cells by header and how many columns of that name stand before."""
    cells: dict[tuple[str, int], str] = {}
    for name, text in theirs:
        if name not in OWN:
            before = sum(known == name for known, _ in cells)
            cells[name, before] = text
    return cells


def _plain(cell: str) -> str:
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
