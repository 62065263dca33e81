"""All cases."""

from __future__ import annotations

from tests.corpus.case import REGISTRY, Case

CASES: tuple[Case, ...] = tuple(REGISTRY.values())
