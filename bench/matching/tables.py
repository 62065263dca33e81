"""Rows of the table, and the list of what was missed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from bench.matching.intervals import clustered, upper
from bench.matching.judging import Verdict
from bench.matching.queries import COPY, INLAY, LIGHT, ROWS
from bench.matching.running import Outcome, Pair
from bench.report import Row


def target(row: str) -> float:
    """The least recall wanted."""
    if row in INLAY:
        return 0.80
    return 0.98 if row in (*LIGHT, COPY) else 0.95


def recall(outcomes: Sequence[Outcome], half: str) -> list[Row]:
    """A row for each edit, of one half."""
    by_row: dict[str, list[Verdict]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.half == half:
            for verdict in outcome.verdicts:
                by_row[verdict.part.row].append(verdict)
    rows = [_recall_row(f"{name}, {half} half", by_row[name], target(name))
            for name in ROWS if by_row[name]]  # fmt: skip
    hits = [each for values in by_row.values() for each in values if each.found]
    placed = sum(each.placed for each in hits) / max(1, len(hits))
    rows.append(Row(f"hits aligned within 0.5 s, {half} half", f"{placed:.4f}", ">= 0.99",
                    placed >= 0.99, f"{len(hits)} hits, synthetic edits"))  # fmt: skip
    return rows


def _recall_row(name: str, verdicts: Sequence[Verdict], wanted: float) -> Row:
    found = sum(each.found for each in verdicts)
    groups: dict[str, list[bool]] = defaultdict(list)
    for each in verdicts:
        groups[each.part.group].append(each.found)
    low, high = clustered(groups)
    share = found / len(verdicts)
    why = f"{found}/{len(verdicts)} parts of {len(groups)} shoots, 95% {low:.2f}-{high:.2f}"
    return Row(f"recall, synthetic edits: {name}", f"{share:.3f}", f">= {wanted}",
               share >= wanted, why)  # fmt: skip


def false_links(pairs: Iterable[Pair], what: str) -> list[Row]:
    """How many pairs that share no footage were called the same footage."""
    kept = list(pairs)
    bad = [each for each in kept if each.relation == "same_footage"]
    shoots = {group for each in kept for group in each.groups}
    couples = {tuple(sorted((group, each.group))) for each in kept for group in each.groups}
    wrong = {tuple(sorted((group, each.group))) for each in bad for group in each.groups}
    naive, clusters = upper(len(bad), len(kept)), upper(min(len(wrong), len(shoots)), len(shoots))
    alike = sum(each.relation == "same_scene" for each in kept)
    by_couple = upper(len(wrong), len(couples))
    told = (
        f"{alike} called same_scene; 95% upper bound by pair {naive:.1e}, by shoot {clusters:.2f}"
        f" ({len(shoots)}), by couple of shoots {by_couple:.1e} ({len(couples)}); synthetic edits"
    )
    return [Row(what, f"{len(bad)} of {len(kept)}", "0", not bad, told)]


def hard_negatives(outcomes: Sequence[Outcome]) -> list[Row]:
    """A row for each kind of trial, both halves in one: nothing was fitted to any of them."""
    by_kind: dict[str, list[Pair]] = defaultdict(list)
    for outcome in outcomes:
        for pair in outcome.pairs:
            by_kind[pair.kind].append(pair)
    rows = []
    for kind, pairs in by_kind.items():
        what = "same-scene pairs called copies" if _SCENE & set(kind.split()) else "false matches"
        rows += false_links(pairs, f"{what}: {kind}")
    return rows


_SCENE = {"disjoint", "takes"}


def misses(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Each part that was not found in its place, and each false link, for people who tune."""
    for outcome in outcomes:
        for each in outcome.verdicts:
            if not (each.found and each.placed):
                part = each.part
                truth = (
                    f"{part.start:.2f}-{part.end:.2f} = {part.rate * part.start + part.offset:.2f}"
                    f"-{part.rate * part.end + part.offset:.2f} x{part.rate:.3f}"
                )
                yield (
                    f"{outcome.half}\t{part.row}\t{part.piece}\t{outcome.query}\t{each.outcome}"
                    f"\t{each.score:.2f}\tfound {each.told or '-'}\ttruth {truth}"
                )
        for pair in outcome.pairs:
            wrong = {"same_footage": "FALSE", "same_scene": "SCENE"}.get(pair.relation)
            if wrong == "FALSE" or (wrong and pair.group not in pair.groups):
                yield (
                    f"{pair.half}\t{wrong} ({pair.kind})\t{pair.piece}\t{pair.query}"
                    f"\t{pair.relation}\t{pair.score:.2f}\tfound {pair.told}"
                )
