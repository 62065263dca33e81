"""Debian's Chromium with `checker/check.html` opened from its file, and no network at all."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Route, sync_playwright

PAGE = Path(__file__).parents[1] / "checker" / "check.html"
CHROMIUM = shutil.which("chromium")

# Blobs from base64; then the checker in the page itself, or in a worker as a person's click has it.
_CHECK = """
async ([items, zip, trust, worker]) => {
  const blob = (text) => new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]);
  const file = (data) => (data === null ? undefined : blob(data));
  const files = items.map(({ path, data }) => ({ path, file: file(data) }));
  const given = trust.map((data, n) => ({ name: `trust-${n}`, file: blob(data) }));
  const chosen = zip === null ? files : blob(zip);
  return worker ? witnessmarkCheck(chosen, given) : (await Witnessmark.check(chosen, given)).answer;
}
"""


class Checker:
    """The page, open and waiting.

    Attributes:
        requests: addresses that anything in the browser asked for, but the page itself.
        complaints: errors on its console.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.requests: list[str] = []
        self.complaints: list[str] = []
        context.set_offline(True)
        context.route("**/*", self._refuse)
        self.page: Page = context.new_page()
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.open()

    def open(self) -> None:
        """The page anew, as somebody opens it."""
        self.page.goto(PAGE.as_uri())

    def _refuse(self, route: Route) -> None:
        if route.request.url == PAGE.as_uri():
            route.continue_()
        else:
            route.abort()

    def _note(self, url: str) -> None:
        # The worker is made from a blob: that is memory, not network.
        if url != PAGE.as_uri() and not url.startswith("blob:"):
            self.requests.append(url)

    def check(
        self, package: Path, trust: Sequence[bytes] = (), *, worker: bool = True
    ) -> dict[str, Any]:
        """The page's answer for a folder or a ZIP, by its way in for programs."""
        given = [_text(data) for data in trust]
        chosen = [folder_items(package), None] if package.is_dir() else [[], _read(package)]
        answer: dict[str, Any] = self.page.evaluate(_CHECK, [*chosen, given, worker])
        return answer

    def choose(self, package: Path, *trust: Path) -> None:
        """As a person does: with the buttons of the page."""
        self.page.set_input_files("#folder" if package.is_dir() else "#zip", package)
        if trust:
            self.page.set_input_files("#trust", trust)

    def drop(self, place: str, *paths: Path) -> None:
        """As a person does: dragged from a file manager onto a place of the page."""
        box = self.page.locator(place).bounding_box()
        assert box is not None
        session = self.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for act in ("dragEnter", "dragOver", "drop"):
            where = {"x": box["x"] + 9, "y": box["y"] + 9}
            session.send("Input.dispatchDragEvent", {"type": act, **where, "data": data})
        session.detach()

    def answer(self, timeout: float = 30) -> dict[str, Any]:
        """Press `Check`, and read what the page has for programs."""
        self.page.click("#start")
        machine = self.page.locator("#machine pre")
        answer: dict[str, Any] = json.loads(machine.text_content(timeout=1000 * timeout) or "")
        return answer


def folder_items(folder: Path) -> list[dict[str, str | None]]:
    """Every file of a folder, and its empty folders, as the page takes them."""
    items: list[dict[str, str | None]] = []
    for place, folders, names in os.walk(folder):
        inside = Path(place).relative_to(folder).as_posix()
        prefix = "" if inside == "." else inside + "/"
        if prefix and not folders and not names:
            items.append({"path": prefix, "data": None})
        paths = [(prefix + name, Path(place) / name) for name in names]
        items += [{"path": path, "data": _read(file)} for path, file in paths]
    return items


def _read(file: Path) -> str:
    return _text(file.read_bytes())


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextlib.contextmanager
def chromium(*arguments: str) -> Iterator[Checker]:
    """A browser with the page, closed at the end. Root has no sandbox to run it in."""
    flags = [*arguments, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield Checker(browser.new_context())
        finally:
            browser.close()
