"""Each check of check.py is taken out in turn: some case must then get another answer."""

from __future__ import annotations

import ast
import sys
import types
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.corpus.case import Case
from tests.corpus.cases import CASES
from tests.unit.checker.subject import SCRIPT

REFUSING = {"refuse", "refuse_zip"}
#: Checks that no package can reach: what they say, and where else they are tried or why not.
OUT_OF_REACH = {
    "This is not a regular file.": "a file that turns into a pipe during the check",
    "This file changed while it was being checked.": "an edit during the check: test_check.py",
    "This is a link, not a file.": "a link of Windows' own kind",
    "it is too large": "a trust file, by path: test_check.py",
    "No archive key of this record is for that checkpoint.": "every size has a key after genesis",
    "a certificate or revocation list in it is malformed": "no parser is known to fail so",
}
#: Checks behind which another refuses with the same code; theirs is the better sentence.
SAME_CODE = {
    "Unpack it and name that folder.": "a ZIP of a folder",
    "what_it_is(root)": "a file of another kind",
    "The package is one folder deeper": "a folder around it",
    "is not an object.": "an entry that is a list",
    "no point of its curve": "no signature holds under such a key either",
}


def is_check(node: ast.stmt) -> bool:
    """A statement that ends the check, or makes its caller end it."""
    if isinstance(node, ast.Raise):
        return node.exc is not None
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    called = node.value.func
    name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
    return name in REFUSING


class Switches(ast.NodeTransformer):
    """Puts `if reached_here(line):` before every check."""

    def __init__(self) -> None:
        self.checks: dict[int, str] = {}

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.FunctionDef) and node.name in REFUSING:
            return node  # how everything is refused, and no check
        if not isinstance(node, ast.stmt) or not is_check(node):
            return super().generic_visit(node)
        self.checks[node.lineno] = ast.unparse(node)
        test = ast.parse(f"reached_here({node.lineno})", mode="eval").body
        return ast.fix_missing_locations(ast.copy_location(ast.If(test, [node], []), node))


class Mutant:
    """The checker with a switch for each check.

    Attributes:
        checks: line to the check there.
        reached: lines of checks that the last answer went through.
        off: line of the check that is taken out.
    """

    def __init__(self) -> None:
        switches = Switches()
        tree = switches.visit(ast.parse(SCRIPT.read_text("utf-8")))
        self.checks, self.off, self.reached = switches.checks, 0, set[int]()
        self.module: Any = types.ModuleType("switched_checker")
        self.module.__dict__.update(reached_here=self.here, __file__=str(SCRIPT))
        sys.modules["switched_checker"] = self.module
        exec(compile(tree, str(SCRIPT), "exec"), self.module.__dict__)

    def here(self, line: int) -> bool:
        self.reached.add(line)
        return line != self.off

    def answer(self, path: Path, case: Case) -> tuple[str, str | None]:
        """Outcome and code; what crashes is another answer too."""
        self.reached.clear()
        trust = self.module.Trust()
        try:
            for number, data in enumerate(case.trust):
                trust.add(data, f"trust-{number}")
            report = self.module.check(str(path), trust)
        except Exception as problem:  # noqa: BLE001 - a missing check may lead anywhere
            return "error", type(problem).__name__
        return report.outcome, report.code


def made(cases: Iterable[Case], folder: Path) -> dict[str, tuple[Path, Case]]:
    """All packages that this file system can hold."""
    packages = {}
    for number, case in enumerate(cases):
        place = folder / str(number)
        place.mkdir()
        try:
            packages[case.name] = case.make(place / "p"), case
        except (OSError, UnicodeEncodeError):
            continue
    return packages


def excused(check: str, words: dict[str, str]) -> bool:
    return any(part in check for part in words)


def test_every_check_decides_a_case(tmp_path: Path) -> None:
    mutant, packages = Mutant(), made(CASES, tmp_path)
    right: dict[str, tuple[str, str | None]] = {}
    through: dict[int, list[str]] = defaultdict(list)
    for name, (path, case) in packages.items():
        right[name] = mutant.answer(path, case)
        for line in mutant.reached:
            through[line].append(name)
    assert len(mutant.checks) > 200
    never = [check for line, check in mutant.checks.items() if line not in through]
    assert [check for check in never if not excused(check, OUT_OF_REACH)] == []

    survivors = []
    for line, names in through.items():
        mutant.off = line
        if all(
            mutant.answer(packages[name][1], packages[name][0]) == right[name] for name in names
        ):
            survivors.append(f"{line}: {mutant.checks[line]} ({', '.join(names[:3])})")
    assert [check for check in survivors if not excused(check, SAME_CODE)] == []
