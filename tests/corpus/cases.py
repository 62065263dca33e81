"""All cases."""

from __future__ import annotations

from tests.corpus import (
    bags,
    edges,
    elsewhere,
    holding,
    malformed,
    packed,
    records,
    renewals,
    seals,
    stamps,
)
from tests.corpus.case import REGISTRY, Case

MODULES = (bags, edges, elsewhere, holding, malformed, packed, records, renewals, seals, stamps)
CASES: tuple[Case, ...] = tuple(REGISTRY.values())
