"""Our recall beside that of peers: same queries, same references, same meaning of a hit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bench.matching import peers
from bench.matching.intervals import clustered
from bench.matching.peers import Compared, Setting
from bench.matching.queries import ROWS, Query
from bench.matching.running import Outcome
from bench.matching.sources import Piece
from bench.report import Row


def pairs(peer: str, queries: Sequence[Query], pieces: Sequence[Piece]) -> list[Compared]:
    """Every part of a query with its piece, and every query with all other pieces."""
    held = {piece.name: peers.hashes(peer, piece.path) for piece in pieces}
    half = {piece.name: piece.half for piece in pieces}
    made = []
    for query in queries:
        here, parts = peers.hashes(peer, query.path), query.made()
        rows = {part.piece: part for part in parts}
        for name, there in held.items():
            if query.half == "fit" and half[name] != "fit":
                continue
            part = rows.get(name)
            row, group = (part.row, part.group) if part else ("", "")
            made.append(peers.compared(
                row, group, query.half, copy=part is not None, query=here, reference=there
            ))  # fmt: skip
    return made


def _shares(found: Sequence[tuple[str, str, bool]]) -> dict[str, tuple[float, float, float]]:
    """Recall with its interval by row, from (row, group, found)."""
    by_row: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for row, group, hit in found:
        by_row[row][group].append(hit)
    shares = {}
    for row, groups in by_row.items():
        values = [each for group in groups.values() for each in group]
        shares[row] = (sum(values) / len(values), *clustered(groups))
    return shares


def _precision(linked: Sequence[tuple[bool, bool]]) -> float:
    """Of (linked, copy): the share of links that are copies."""
    links = [copy for link, copy in linked if link]
    return sum(links) / len(links) if links else 1.0


def ours(outcomes: Sequence[Outcome]) -> tuple[dict[str, tuple[float, float, float]], float]:
    """Recall by pair on the report half, and precision."""
    kept = [each for each in outcomes if each.half == "report"]
    found = [(v.part.row, v.part.group, v.linked) for each in kept for v in each.verdicts]
    linked = [(v.linked, True) for each in kept for v in each.verdicts]
    linked += [(p.relation == "same_footage", False) for each in kept for p in each.pairs]
    return _shares(found), _precision(linked)


def _theirs(
    compared: Sequence[Compared], setting: Setting
) -> tuple[dict[str, tuple[float, float, float]], float]:
    kept = [pair for pair in compared if pair.half == "report"]
    linked = [setting.linked(pair) for pair in kept]
    found = [(p.row, p.group, hit) for p, hit in zip(kept, linked, strict=True) if p.copy]
    said = [(hit, p.copy) for p, hit in zip(kept, linked, strict=True)]
    return _shares(found), _precision(said)


def _mean(shares: dict[str, tuple[float, float, float]]) -> float:
    return sum(share for share, _, _ in shares.values()) / max(1, len(shares))


def table(
    outcomes: Sequence[Outcome], queries: Sequence[Query], pieces: Sequence[Piece], jobs: int
) -> list[Row]:
    """One row an edit: ours, and each peer's at its best setting."""
    absent = peers.missing()
    if absent:
        return [Row("peers", "not measured", remark=f"not installed: {', '.join(absent)}")]
    paths = [query.path for query in queries] + [piece.path for piece in pieces]
    peers.prepare(peers.PEERS, paths, jobs)
    mine, precision = ours(outcomes)
    theirs, told = {}, [f"ours: precision {precision:.4f}, mean recall of rows {_mean(mine):.3f}"]
    for peer in peers.PEERS:
        compared = pairs(peer, queries, pieces)
        setting = peers.fitted([pair for pair in compared if pair.half == "fit"])
        theirs[peer], its = _theirs(compared, setting)
        shipped, whose = _theirs(compared, peers.SHIPPED)
        # What it would recall at that precision on the report half, could it look there first.
        looked = peers.fitted([pair for pair in compared if pair.half == "report"])
        at_best = _mean(_theirs(compared, looked)[0])
        told.append(
            f"{peer}: {setting}, precision {its:.4f}, mean recall {_mean(theirs[peer]):.3f};"
            f" had it been chosen on the report half itself {at_best:.3f};"
            f" at {peers.SHIPPED} {_mean(shipped):.3f}, precision {whose:.4f}"
        )
    rows = [_row(name, mine[name], {p: theirs[p][name] for p in theirs})
            for name in ROWS if name in mine]  # fmt: skip
    return [*rows, Row("settings of the side by side, chosen on the fit half", "; ".join(told))]


def _row(
    name: str, mine: tuple[float, float, float], theirs: dict[str, tuple[float, float, float]]
) -> Row:
    figures = [f"ours {mine[0]:.3f}"] + [f"{peer} {its[0]:.3f}" for peer, its in theirs.items()]
    ahead = all(mine[0] > its[0] or mine[0] == its[0] == 1 for its in theirs.values())
    told = [f"{peer} 95% {low:.2f}-{high:.2f}" for peer, (_, low, high) in theirs.items()]
    what = f"by pair, report half, synthetic edits: {name}"
    return Row(what, ", ".join(figures), "ahead, or level at 1", ahead, "; ".join(told))
