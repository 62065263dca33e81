"""The estimate of which copy derives from which: chains of edits, and trees of estimates."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import edits, footage
from witnessmark.model import LinkSegment
from witnessmark.model.statement import Token
from witnessmark.verification.matching.descent import Descent, Sign, Version, estimate, tree
from witnessmark.verification.matching.fingerprint import of_file

#: Copy to what it was made from.
CHAIN = {"crop": "base", "small": "crop", "letterbox": "base"}


def version(name: str, path: Path, pixels: tuple[int, int]) -> Version:
    with path.open("rb") as file:
        found = of_file(file)[0]
    width, height = pixels
    size = path.stat().st_size
    return Version(name=name, print=found, width=width, height=height, bytes=size)


def sized(path: Path) -> tuple[int, int]:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Version]:
    folder = tmp_path_factory.mktemp("copies")
    paths = {"base": footage.synthetic(folder / "base.mp4", seconds=5.0)}
    for name, edit in (("crop", "crop_25"), ("small", "small"), ("letterbox", "letterbox")):
        paths[name] = edits.EDITS[edit](paths[CHAIN[name]], folder / f"{name}.mp4")
    return {name: version(name, path, sized(path)) for name, path in paths.items()}


def whole(a: Version, b: Version) -> list[LinkSegment]:
    end = min(a.print.duration, b.print.duration)
    ends = {"a_start": 0, "a_end": end, "b_start": 0, "b_end": end}
    return [LinkSegment(**ends, rate=Token("1.0000"), transform=Token("identity"))]


def above(name: str) -> set[str]:
    found = set()
    while name in CHAIN:
        name = CHAIN[name]
        found.add(name)
    return found


def test_no_arrow_of_a_chain_points_the_wrong_way(copies: dict[str, Version]) -> None:
    named = 0
    for one, other in itertools.permutations(copies, 2):
        if one not in above(other) and other not in above(one):
            continue
        found = estimate(copies[one], copies[other], whole(copies[one], copies[other]))
        if found.parent is not None:
            named += 1
            assert found.parent in above(str(found.child)), found
    assert named >= 4


def test_the_sides_may_be_given_in_any_order(copies: dict[str, Version]) -> None:
    for one, other in itertools.combinations(copies, 2):
        found = estimate(copies[one], copies[other], whole(copies[one], copies[other]))
        turned = estimate(copies[other], copies[one], whole(copies[other], copies[one]))
        assert (found.parent, found.child) == (turned.parent, turned.child)


def test_the_same_file_is_in_no_order(copies: dict[str, Version]) -> None:
    base = copies["base"]
    assert estimate(base, base, whole(base, base)).parent is None
    assert estimate(base, copies["crop"], []).parent is None


def said(parent: str, child: str, *signs: str, strength: float = 1.0) -> Descent:
    a, b = sorted((parent, child))
    weight = strength if child == a else -strength
    return Descent(a, b, parent, child, strength, tuple(Sign(each, weight) for each in signs))


def arrows(*found: Descent) -> set[tuple[str | None, str | None]]:
    return {(each.parent, each.child) for each in tree(found).arrows}


def test_a_longer_way_explains_a_shorter_one() -> None:
    chain = [said("a", "b", "crop"), said("b", "c", "overlay"), said("a", "c", "crop", "overlay")]
    assert arrows(*chain) == {("a", "b"), ("b", "c")}


def test_two_edits_of_one_copy_are_not_made_from_each_other() -> None:
    """It looks as if the crop came from the one with borders; it shows no trace of them."""
    found = [said("a", "bars", "borders"), said("a", "crop", "crop"), said("bars", "crop", "crop")]
    assert arrows(*found) == {("a", "bars"), ("a", "crop")}
    assert [(each.a, each.b) for each in tree(found).open] == [("bars", "crop")]


def test_of_two_that_may_be_the_parent_the_less_edited_one_is_named() -> None:
    weak = Descent("a", "low", None, None, 0.6, (Sign("fewer bytes", -0.6),))
    found = [said("a", "crop", "crop"), said("low", "crop", "crop"), weak]
    assert arrows(*found) == {("a", "crop")}
    assert len(tree(found).open) == 2


def test_the_weakest_arrow_of_a_circle_goes() -> None:
    circle = [said("a", "b", "x", strength=3), said("b", "c", "x", strength=2)]
    assert arrows(*circle, said("c", "a", "x", strength=1)) == {("a", "b"), ("b", "c")}


names = st.sampled_from("abcdef")
some = st.lists(
    st.tuples(names, names, st.sampled_from(["crop", "overlay", "borders"]), st.integers(1, 5)),
    max_size=15,
)


@settings(deadline=None)
@given(some, st.randoms())
def test_a_tree_has_no_way_back_and_no_order_of_arrival(
    drawn: list, shuffler: random.Random
) -> None:
    pairs = {frozenset((p, c)): said(p, c, sign, strength=n) for p, c, sign, n in drawn if p != c}
    found = list(pairs.values())
    shuffled = list(found)
    shuffler.shuffle(shuffled)
    made = tree(found)
    assert made == tree(shuffled)
    assert len(made.arrows) + len(made.open) <= len(found)
    left = {(each.parent, each.child) for each in made.arrows}
    while left:
        tops = {p for p, _ in left} - {c for _, c in left}
        assert tops, "a circle"
        left = {(p, c) for p, c in left if p not in tops}
