"""The Merkle tree and its tiles, against the public vectors and against brute force."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from witnessmark.errors import BadRecord
from witnessmark.record import tiles, tree

LEAVES = [tree.leaf_hash(str(n).encode()) for n in range(1200)]


def node(level: int, index: int) -> bytes:
    return tree.fold(LEAVES[index << level : (index + 1) << level])


def recursive_root(leaves: list[bytes]) -> bytes:
    """The definition in RFC 6962 section 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return tree.node_hash(recursive_root(leaves[:split]), recursive_root(leaves[split:]))


def test_public_vectors(shared: Path) -> None:
    """transparency-dev's inclusion and consistency cases: 196 of 196."""
    decode = base64.b64decode
    right = 0
    paths = sorted((shared / "suites" / "merkle").rglob("*.json"))
    for path in paths:
        case = json.loads(path.read_text())
        proof = [decode(step) for step in case["proof"] or []]
        try:
            if "leafIdx" in case:
                leaf, root = decode(case["leafHash"]), decode(case["root"])
                tree.check_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root)
            else:
                roots = decode(case["root1"]), decode(case["root2"])
                tree.check_consistency(case["size1"], case["size2"], proof, *roots)
            accepted = True
        except BadRecord:
            accepted = False
        assert accepted != case.get("wantErr", False), f"{path}: {case['desc']}"
        right += 1
    assert right == len(paths) == 196


@given(st.integers(1, 600))
def test_fold_is_the_definition(size: int) -> None:
    assert tree.fold(LEAVES[:size]) == recursive_root(LEAVES[:size]) == tree.root(size, node)


@given(st.data())
def test_inclusion(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 600))
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(index, size, node)
    root = tree.fold(LEAVES[:size])
    tree.check_inclusion(LEAVES[index], index, size, proof, root)
    other = data.draw(st.integers(0, size).filter(lambda n: n != index))
    with pytest.raises(BadRecord):
        tree.check_inclusion(LEAVES[index], other, size, proof, root)
    with pytest.raises(BadRecord):
        tree.check_inclusion(LEAVES[index], index, size, [*proof, root], root)
    if proof:
        with pytest.raises(BadRecord):
            tree.check_inclusion(LEAVES[index], index, size, proof[:-1], root)


@given(st.data())
def test_consistency(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 600))
    old = data.draw(st.integers(1, new))
    proof = tree.consistency_proof(old, new, node)
    old_root, new_root = tree.fold(LEAVES[:old]), tree.fold(LEAVES[:new])
    tree.check_consistency(old, new, proof, old_root, new_root)
    forked = tree.fold([*LEAVES[: old - 1], tree.leaf_hash(b"forged")])
    with pytest.raises(BadRecord):
        tree.check_consistency(old, new, proof, forked, new_root)
    with pytest.raises(BadRecord):
        tree.check_consistency(old, new, [*proof, new_root], old_root, new_root)


def test_consistency_from_nothing_is_refused() -> None:
    with pytest.raises(BadRecord):
        tree.check_consistency(0, 5, [], tree.EMPTY_ROOT, tree.fold(LEAVES[:5]))


@settings(max_examples=30)
@given(st.lists(st.sampled_from([1, 2, 3, 255, 256, 257, 300]), min_size=1, max_size=4))
def test_tiles_grow_to_the_same_tree(steps: list[int]) -> None:
    store: dict[tuple[int, int], bytes] = {}

    def read(tile: tiles.Tile) -> bytes:
        return store[(tile.level, tile.index)][: tile.width * 32]

    size = 0
    for step in steps:
        for tile, data in tiles.grow(size, LEAVES[size : size + step], read):
            before = store.get((tile.level, tile.index), b"")
            assert data.startswith(before)
            assert len(data) == tile.width * 32
            store[(tile.level, tile.index)] = data
        size += step
        assert tiles.root_from_edge(size, read) == tree.fold(LEAVES[:size])
    assert tree.root(size, tiles.node_reader(read)) == tree.fold(LEAVES[:size])
    widths = {(t.level, t.index): t.width for t in tiles.right_edge(size)}
    for key, data in store.items():
        assert len(data) // 32 == widths.get(key, 256)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (tiles.Tile(0, 0), "tile/0/000"),
        (tiles.Tile(0, 1234067), "tile/0/x001/x234/067"),
        (tiles.Tile(2, 5, 17), "tile/2/005.p/17"),
        (tiles.Tile(63, 999_999), "tile/63/x999/999"),
    ],
)
def test_paths(tile: tiles.Tile, path: str) -> None:
    assert tile.path == path
    assert tiles.parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    ["tile/00/000", "tile/0/0", "tile/0/x000/001", "tile/64/000", "tile/0/000.p/256",
     "tile/0/000.p/0", "tile/0/000.p/08", "tile/0/../000", "tile/0/000/", "tiles/0/000"],
)  # fmt: skip
def test_other_spellings_of_paths_are_refused(path: str) -> None:
    with pytest.raises(BadRecord):
        tiles.parse_path(path)


def test_the_example_of_the_tiles_specification() -> None:
    edge = tiles.right_edge(70_000)
    assert edge == [tiles.Tile(0, 273, 112), tiles.Tile(1, 1, 17), tiles.Tile(2, 0, 1)]
    assert tiles.right_edge(256) == [tiles.Tile(1, 0, 1)]
    assert tiles.covering(0, 70_000) == [
        tiles.Tile(0, 0), tiles.Tile(1, 0), tiles.Tile(2, 0, 1),
    ]  # fmt: skip
