"""All cases."""

from __future__ import annotations

from tests.corpus import (
    bags,
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

MODULES = (bags, elsewhere, holding, malformed, packed, records, renewals, seals, stamps)
CASES: tuple[Case, ...] = tuple(REGISTRY.values())
