"""One row of the bench table."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """What was measured, the figure, the target and whether it was reached."""

    what: str
    figure: str
    target: str = ""
    reached: bool | None = None
    remark: str = ""

    def __str__(self) -> str:
        mark = {True: "yes", False: "NO", None: ""}[self.reached]
        return f"| {self.what} | {self.figure} | {self.target} | {mark} | {self.remark} |"


HEADER = "| measured | figure | target | reached | remark |\n|---|---|---|---|---|"
