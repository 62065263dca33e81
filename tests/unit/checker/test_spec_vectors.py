"""The checker against the vectors of the specification pages."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.checker.subject import REPOSITORY, check

VECTORS = REPOSITORY / "spec" / "vectors"


def vectors(name: str) -> Any:
    return json.loads(Path(VECTORS / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", vectors("entries")["valid"])
def test_valid_entries(vector: dict[str, str]) -> None:
    data = base64.b64decode(vector["bytes"])
    value = check.parse_canonical(data)
    assert check.leaf_hash(data).hex() == vector["leaf"]
    if "at" in value:
        assert check.parse_entry(data, 1, "entries").type == value["type"]
    else:  # not taken by a journal yet: a form to sign and hash, but no entry of a record
        with pytest.raises(check.RefusalError, match="`at` is missing"):
            check.parse_entry(data, 1, "entries")


@pytest.mark.parametrize("vector", vectors("entries")["invalid"], ids=lambda v: v["why"])
def test_invalid_entries(vector: dict[str, str]) -> None:
    with pytest.raises(check.RefusalError) as refusal:
        check.parse_entry(base64.b64decode(vector["bytes"]), 1, "entries")
    assert refusal.value.code in ("entry", "field")


@pytest.mark.parametrize("vector", vectors("checkpoints")["valid"])
def test_valid_checkpoints(vector: dict[str, Any]) -> None:
    key = check.parse_verifier_key(vectors("checkpoints")["key"], "keys")
    head = check.parse_checkpoint(vector["note"].encode(), "note")
    assert check.check_signed(head, [key], key, "note").archives == {key}
    assert (head.size, head.root.hex()) == (vector["size"], vector["root"])


@pytest.mark.parametrize("vector", vectors("checkpoints")["invalid"], ids=lambda v: v["why"])
def test_invalid_checkpoints(vector: dict[str, str]) -> None:
    key = check.parse_verifier_key(vectors("checkpoints")["key"], "keys")
    with pytest.raises(check.RefusalError) as refusal:
        check.check_signed(check.parse_checkpoint(vector["note"].encode(), "n"), [key], key, "n")
    assert refusal.value.code == vector["code"]


@pytest.mark.parametrize("key", vectors("checkpoints")["weak_keys"])
def test_weak_keys(key: str) -> None:
    with pytest.raises(check.RefusalError) as refusal:
        check.parse_verifier_key(key, "keys")
    assert refusal.value.code == "weak_key"


@pytest.mark.parametrize("vector", vectors("proofs")["inclusion"])
def test_inclusion(vector: dict[str, str]) -> None:
    """These files hold no export, so their lines are taken apart here."""
    lines, _, note = vector["file"].partition("\n\n")
    path = [base64.b64decode(line) for line in lines.split("\n")[3:]]
    index = int(lines.split("\n")[2].removeprefix("index "))
    head = check.parse_checkpoint(note.encode(), "note")
    leaf = check.leaf_hash(vector["entry"].encode())
    assert check.included(leaf, index, head.size, path, head.root)
    assert not check.included(leaf, index, head.size, [*path, leaf], head.root)


@pytest.mark.parametrize("vector", vectors("proofs")["consistency"])
def test_consistency(vector: dict[str, Any]) -> None:
    proof = [bytes.fromhex(step) for step in vector["proof"]]
    old, new = bytes.fromhex(vector["old_root"]), bytes.fromhex(vector["new_root"])
    assert check.consistent(vector["old"], old, vector["new"], new, proof)
    assert not check.consistent(vector["old"], bytes(32), vector["new"], new, proof)
    assert not check.consistent(vector["old"], old, vector["new"], new, [*proof, old])
    assert not check.consistent(0, old, vector["new"], new, proof)


@pytest.mark.parametrize("vector", vectors("tiles")["trees"], ids=lambda v: v["size"])
def test_tiles(vector: dict[str, Any]) -> None:
    """All tiles of a record, from its leaves up."""
    size = vector["size"]
    level, hashes = 0, [check.leaf_hash(b"%d" % number) for number in range(size)]
    contents = {}
    while hashes:
        for number in range(-(-len(hashes) // 256)):
            tile = check.tile_at(size, level, number)
            contents[tile] = hashes[256 * number : 256 * number + 256]
        full = range(len(hashes) // 256)
        hashes = [check.subtree_root(hashes[256 * n : 256 * n + 256]) for n in full]
        level += 1
    assert set(contents) == check.covering_tiles(size, check.array("Q", range(size)))
    names = {tile.path.removeprefix("data/record/"): part for tile, part in contents.items()}
    found = {name: check.hashlib.sha256(b"".join(part)).hexdigest() for name, part in names.items()}
    assert found == vector["tiles"]
    edge = [contents[tile] for tile in check.edge_tiles(size)]
    assert check.edge_root(edge).hex() == vector["root"]


def test_tile_paths() -> None:
    for number, path in vectors("tiles")["paths"].items():
        assert check.Tile(0, int(number), 256).path == "data/record/" + path


def opens(vector: dict[str, Any]) -> bool:
    salt = base64.b64decode(vector["salt"])
    found = check.commitment(salt, vector["field"], vector["value"])
    return bool(found == vector["commitment"])


def test_protected_values() -> None:
    assert all(opens(vector) for vector in vectors("protected")["opens"])
    assert not any(opens(vector) for vector in vectors("protected")["does_not_open"])
