"""Each check of check.py is taken out in turn: a case must then get another answer."""

from __future__ import annotations

import ast
import sys
import types
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.corpus.case import Case
from tests.unit.checker.subject import SCRIPT

REFUSING = {"refuse", "refuse_zip"}


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
    """Puts `if OFF != line:` around every check."""

    def __init__(self) -> None:
        self.lines: dict[int, str] = {}
        self.function = ""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        outer, self.function = self.function, node.name
        self.generic_visit(node)
        self.function = outer
        return node

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.stmt) and is_check(node):
            if self.function in REFUSING:  # how everything is refused, not a check
                return node
            self.lines[node.lineno] = ast.unparse(node)
            test = ast.parse(f"HERE({node.lineno})", mode="eval").body
            return ast.fix_missing_locations(ast.copy_location(ast.If(test, [node], []), node))
        return super().visit(node)


def switched() -> tuple[ModuleType, dict[int, str]]:
    """The checker with a switch for each check, and the checks by line."""
    switches = Switches()
    tree = switches.visit(ast.parse(SCRIPT.read_text("utf-8")))
    module = types.ModuleType("switched_checker")
    module.__dict__.update(OFF=0, __file__=str(SCRIPT))
    sys.modules[module.__name__] = module
    exec(compile(tree, str(SCRIPT), "exec"), module.__dict__)
    return module, switches.lines


def answer(module: Any, path: Path, case: Case) -> tuple[str, str | None, set[int]]:
    """Outcome and code, and the lines of the checks that ended it."""
    trust, lines = module.Trust(), set[int]()
    try:
        for number, data in enumerate(case.trust):
            trust.add(data, f"trust-{number}")
        trust.parse_keys()
        report = module.Report()
        module.run(report, str(path), trust)
    except module.RefusalError as refusal:
        return "refused", refusal.code, raised(refusal)
    except Exception as problem:  # whatever else a missing check leads to
        return "error", type(problem).__name__, raised(problem)
    return report.outcome, None, lines


def raised(problem: BaseException | None) -> set[int]:
    """Lines of the checker at which this, and what led to it, was raised."""
    lines = set()
    while problem is not None:
        trace = problem.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == str(SCRIPT):
                lines.add(trace.tb_lineno)
            trace = trace.tb_next
        problem = problem.__context__
    return lines
