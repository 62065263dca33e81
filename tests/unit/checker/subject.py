"""The checker under test, imported by its path: it belongs to no package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

REPOSITORY = Path(__file__).parents[3]
SCRIPT = REPOSITORY / "checker" / "check.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("evidence_checker", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


check: Any = load()
