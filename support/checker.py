"""Runs the independent checker as a stranger would: another process, outside keys."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKER = Path(__file__).parents[1] / "checker" / "check.py"


def outcome(package: Path, trust: str = "") -> tuple[str, str]:
    """(outcome, code) of `check.py --json` for a package."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-I", str(CHECKER), str(package), "--json"]
        if trust:
            keys = Path(folder) / "trust.key"
            keys.write_text(trust + "\n")
            command += ["--trust", str(keys)]
        done = subprocess.run(command, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    said = json.loads(done.stdout)
    assert (
        done.returncode == {"holds": 0, "refused": 1, "use": 2, "not_checked": 3}[said["outcome"]]
    )
    return said["outcome"], said["code"] or ""
