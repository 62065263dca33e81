"""The checks of `check.html` with a switch for each, run in Node without a browser.

The page's engine is one script that takes Blobs and gives one object; here it runs as it is but for
the switches. What a browser alone shows (files, the policy, workers) is tried in tests/page.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.browser import PAGE, folder_items

NODE = shutil.which("node")
#: What a check looks like, and the switch that is put in its place.
_SITES = (
    (r"\bneed\(", "switched.need({n}, need)("),
    (r"\brefuse\(", "switched.call({n}, refuse)("),
    (r"\brefuseZip\(", "switched.call({n}, refuseZip)("),
    (r"\b(entry|this)\.refuse\(", "switched.call({n}, (...said) => {0}.refuse(...said))("),
    (r"\borRefuse\(", "switched.work({n}, orRefuse)("),
    (r"\bthrow new (?=Malformed|Unsupported)", "if (switched.on({n})) throw new "),
    (r"\b(record|this)\.count\(", "switched.count({n}, {0})("),
    (r"\breports\.add\(", "switched.call({n}, (code) => reports.add(code))("),
)
#: Where these words stand without being a check: the definitions, and how a refusal is made.
_NONE = re.compile(
    r"^\s*(?:const (?:need|refuse|refuseZip|orRefuse) =|refuse\(code, sentence\)|count\(name|"
    r"if \(!condition\)|if \(problem instanceof Malformed\) refuse|refuse\(code, `Entry|//|\*)"
)
_DRIVER = """
const { readFileSync } = require("fs");
const vm = require("vm");
const [engine, cases] = process.argv.slice(2);
let off = -1, fired = new Set();
const note = (n) => { fired.add(n); return n !== off; };
const pass = () => undefined;
const switched = {
  on: note,
  need: (n, need) => (right, why) => { if (!right && note(n)) need(right, why); },
  call: (n, call) => (...said) => (note(n) ? call(...said) : undefined),
  count: (n, whose) => (name, number = 1) => {
    if (Number(number) === 0 || note(n)) whose.count(name, number);
  },
  work: (n, orRefuse) => (code, what, file, work) => {
    try { return work(); } catch (problem) {
      if (problem.constructor.name === "Malformed" && !note(n)) throw problem;
      return orRefuse(code, what, file, () => { throw problem; });
    }
  },
};
const window = {};
const context = vm.createContext({
  document: {}, window, switched, Blob, TextEncoder, TextDecoder, atob, btoa, performance,
});
vm.runInContext(readFileSync(engine, "utf-8"), context, { filename: "engine.js" });
const blob = (text) => new Blob([Buffer.from(text, "base64")]);
const given = readFileSync(cases, "utf-8").trim().split("\\n").map((line) => JSON.parse(line));
const answer = async ({ items, zip, trust }) => {
  const file = (data) => (data === null ? undefined : blob(data));
  const folder = () => items.map(({ path, data }) => ({ path, file: file(data) }));
  const chosen = zip === null ? folder() : blob(zip);
  const files = trust.map((data, n) => ({ name: `trust-${n}`, file: blob(data) }));
  fired = new Set();
  try {
    const { answer: found } = await window.Witnessmark.check(chosen, files);
    const { outcome, code, reports, existed_by, counts } = found;
    return JSON.stringify({ outcome, code, reports, existed_by, counts }, (_, v) =>
      (typeof v === "bigint" ? String(v) : v));
  } catch (problem) {
    return "crashed";
  }
};
(async () => {
  const right = [], through = new Map();
  for (const [number, each] of given.entries()) {
    right.push(await answer(each));
    for (const n of fired) through.set(n, [...(through.get(n) ?? []), number]);
  }
  const survivors = [];
  for (const n of through.keys()) {
    off = n;
    let changed = false;
    for (const number of through.get(n)) {
      changed = (await answer(given[number])) !== right[number];
      if (changed) break;
    }
    if (!changed) survivors.push([n, through.get(n).slice(0, 3)]);
  }
  const answers = right.map((text) => (text === "crashed" ? {} : JSON.parse(text)));
  console.log(JSON.stringify({ fired: [...through.keys()], survivors, answers }));
})();
"""


@dataclass(frozen=True)
class Site:
    """A check of the page: its number, its line, and what stands there."""

    number: int
    line: int
    text: str


def engine() -> str:
    """The page's first script: the checker."""
    found = re.search(r'<script id="engine">(.*?)</script>', PAGE.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def with_switches(text: str) -> tuple[str, list[Site]]:
    """The script with a switch for each check, and the checks."""
    sites: list[Site] = []
    lines = text.split("\n")
    for place, line in enumerate(lines):
        said = " ".join(each.strip() for each in lines[place : place + 3])
        for pattern, switch in () if _NONE.match(line) else _SITES:
            lines[place] = _switch(lines[place], re.compile(pattern), switch, said, place, sites)
    return "\n".join(lines), sites


def _switch(
    line: str, pattern: re.Pattern[str], switch: str, said: str, place: int, sites: list[Site]
) -> str:
    def put(found: re.Match[str]) -> str:
        if re.search(r"switched\.\w+\(\d+, $|[.\w]$", line[: found.start()]):
            return found[0]  # a method of that name, or what an earlier pattern put here
        sites.append(Site(len(sites), place, said))
        return switch.format(*found.groups(), n=len(sites) - 1)

    return pattern.sub(put, line)


def case(package: Path, trust: Sequence[bytes]) -> str:
    """A package and what a reader brings, as a line for Node."""
    data = [base64.b64encode(each).decode() for each in trust]
    items = folder_items(package) if package.is_dir() else []
    zipped = None if package.is_dir() else base64.b64encode(package.read_bytes()).decode()
    return json.dumps({"items": items, "zip": zipped, "trust": data})


def run(script: str, cases: Iterable[str], folder: Path) -> Any:
    """What Node says: checks that fired, checks without which no answer changed, answers."""
    assert NODE
    driver, text, lines = (folder / name for name in ("driver.js", "engine.js", "cases.jsonl"))
    driver.write_text(_DRIVER)
    text.write_text(script)
    lines.write_text("\n".join(cases) + "\n")
    done = subprocess.run(
        [NODE, driver, text, lines], capture_output=True, text=True, check=True, timeout=1800
    )
    return json.loads(done.stdout)
