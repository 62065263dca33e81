"""The page as people use it: choosing, dropping, waiting, stopping, reading."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.browser import PAGE, Checker
from support.forge import package as b
from support.forge import zips
from support.forge.package import Package
from support.page_policy import policy, with_policy


@pytest.fixture
def opened(checker: Checker) -> Checker:
    """The page as it is when it was just opened."""
    checker.open()
    return checker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Package().write(tmp_path / "package")


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return zips.write(tmp_path / "package.zip", zips.items(Package().files()))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text(b.ARCHIVE.verifier() + "\n")
    return path


# Ways in ------------------------------------------------------------------------------------


def test_a_folder_and_trust_files_are_chosen(opened: Checker, folder: Path, keys: Path) -> None:
    opened.choose(folder, keys)
    assert "package: 16 files" in opened.page.inner_text("#package-chosen")
    assert opened.answer()["outcome"] == "holds"
    assert opened.page.inner_text("#result h2") == "Holds."


def test_a_zip_is_chosen(opened: Checker, packed: Path, keys: Path) -> None:
    opened.choose(packed, keys)
    assert opened.answer()["outcome"] == "holds"
    assert "symbolic links" not in opened.page.inner_text("#result")


def test_a_folder_and_trust_files_are_dropped(opened: Checker, folder: Path, keys: Path) -> None:
    opened.drop("#package-place", folder)
    opened.page.get_by_text("package: 16 files").wait_for()
    opened.drop("#trust-place", keys)
    opened.page.get_by_text("keys.txt").wait_for()
    assert opened.answer()["outcome"] == "holds"


def test_a_zip_is_dropped(opened: Checker, packed: Path) -> None:
    opened.drop("#package-place", packed)
    opened.page.get_by_text("package.zip: ").wait_for()
    assert opened.answer()["outcome"] == "not_checked"


def test_what_is_in_the_folder_is_dropped(opened: Checker, folder: Path) -> None:
    opened.drop("#package-place", *folder.iterdir())
    opened.page.get_by_text("What you dropped: 16 files").wait_for()
    assert opened.answer()["outcome"] == "not_checked"


def test_an_empty_folder_is_seen_when_dropped(opened: Checker, folder: Path) -> None:
    (folder / "data" / "more").mkdir()
    opened.drop("#package-place", folder)
    opened.page.get_by_text("package: 16 files").wait_for()
    answer = opened.answer()
    assert (answer["code"], answer["file"]) == ("undeclared_file", "data/more")


def test_the_way_in_for_programs_checks_in_a_worker(
    opened: Checker, folder: Path, packed: Path
) -> None:
    opened.page.evaluate("() => { delete window.Witnessmark.check }")
    answers = [opened.check(path) for path in (folder, packed)]
    assert answers[0] == answers[1]
    assert answers[0]["outcome"] == "not_checked"


def test_without_workers_the_page_checks_by_itself(opened: Checker, folder: Path) -> None:
    for broken in (
        "constructor() { throw new Error('none') }",
        "postMessage() { setTimeout(() => this.onerror(new Event('error'))) } terminate() {}",
    ):
        opened.page.evaluate(f"() => {{ window.Worker = class {{ {broken} }} }}")
        assert opened.check(folder)["outcome"] == "not_checked"


# Waiting ------------------------------------------------------------------------------------

STOPPED = "Stopped before the end: this says nothing."


def sparse(folder: Path, size: int) -> Path:
    """A package with a large original, of which a checker hashes all before it can refuse it."""
    path = folder / "data" / "objects" / b.sha256(b.VIDEO)
    with path.open("r+b") as file:
        file.truncate(size)
    return folder


def test_a_long_check_shows_how_far_it_is_and_can_be_stopped(opened: Checker, folder: Path) -> None:
    opened.choose(sparse(folder, 20_000_000_000))
    opened.page.click("#start")
    opened.page.get_by_text("Hashing every file.").wait_for()
    opened.page.get_by_text(re.compile(r"of 20 GB, about .* left")).wait_for()
    assert 0 < opened.page.evaluate("document.getElementById('bar').value") < 1
    assert opened.page.is_disabled("#folder")
    opened.page.click("#stop")
    opened.page.get_by_text(STOPPED, exact=True).wait_for(timeout=5000)
    assert not opened.page.is_disabled("#folder")
    assert opened.page.is_hidden("#work")


def test_it_can_be_stopped_without_workers(opened: Checker, folder: Path) -> None:
    opened.page.evaluate("() => { window.Worker = undefined }")
    opened.choose(sparse(folder, 20_000_000_000))
    opened.page.click("#start")
    opened.page.get_by_text(re.compile("of 20 GB")).wait_for()
    opened.page.click("#stop")
    opened.page.get_by_text(STOPPED, exact=True).wait_for(timeout=5000)


def test_a_large_original_is_hashed_piece_by_piece(opened: Checker, folder: Path) -> None:
    """No piece of it that is read is large, and the hash over all of them is the right one."""
    name, size = b.sha256(b.VIDEO), 50_000_007
    changed = sparse(folder, size) / "data" / "objects" / name
    digest = hashlib.sha256(changed.read_bytes()).hexdigest()
    manifest = folder / b.PAYLOAD_MANIFEST
    manifest.write_text(manifest.read_text().replace(f"{name}  ", f"{digest}  "))
    opened.page.evaluate("""() => {
      window.Worker = undefined;
      window.largest = 0;
      const whole = Blob.prototype.arrayBuffer;
      Blob.prototype.arrayBuffer = function () {
        window.largest = Math.max(window.largest, this.size);
        return whole.call(this);
      };
    }""")
    opened.choose(folder)
    answer = opened.answer()
    # The payload manifest itself is the first file that does not fit: all payload did.
    assert (answer["code"], answer["file"]) == ("tag_hash", b.PAYLOAD_MANIFEST)
    assert opened.page.evaluate("window.largest") <= 1 << 20


@pytest.mark.parametrize("edit", [Path.unlink, lambda path: path.write_bytes(b"other")])
def test_what_changes_after_it_was_chosen_is_refused(
    opened: Checker, folder: Path, edit: Callable[[Path], object]
) -> None:
    opened.choose(folder)
    edit(folder / b.ENTRIES)
    answer = opened.answer()
    assert (answer["outcome"], answer["code"]) == ("refused", "error")
    assert answer["sentence"].startswith("It cannot be read")


# Reading ------------------------------------------------------------------------------------


def test_an_answer_goes_when_something_else_is_chosen(
    opened: Checker, folder: Path, packed: Path, keys: Path
) -> None:
    opened.choose(folder)
    opened.answer()
    opened.choose(packed)
    assert opened.page.is_hidden("#result")
    opened.answer()
    opened.page.set_input_files("#trust", keys)
    assert opened.page.is_hidden("#result")
    assert opened.answer()["outcome"] == "holds"
    opened.page.click("#trust-clear")
    assert opened.page.is_hidden("#result")
    assert opened.answer()["outcome"] == "not_checked"


def test_people_read_what_was_checked_and_what_was_not(opened: Checker, folder: Path) -> None:
    opened.choose(folder)
    opened.answer()
    said = opened.page.inner_text("#result")
    for heading in (
        "Nothing refused, not everything checked.",
        "What this package is",
        "The earliest outside proof of when it existed",
        "What was checked, and holds",
        "What was not checked, and what to bring",
        "What you must know",
        "What none of this proves",
    ):
        assert heading in said
    assert "bring the archive's verifier key" in said
    assert "Whether the folder holds symbolic links" in said
    assert opened.page.evaluate("document.activeElement.textContent").startswith("Nothing refused")


def test_a_refusal_says_what_was_not_looked_at(opened: Checker, folder: Path) -> None:
    (folder / "README.txt").write_text("other")
    opened.choose(folder)
    assert opened.answer()["code"] == "tag_hash"
    said = opened.page.inner_text("#result")
    assert said.startswith("Refused.")
    assert "In README.txt" in said
    assert "Everything after this refusal." in said


def test_words_of_a_package_never_become_markup(opened: Checker, folder: Path) -> None:
    name = "<img src=x onerror=alert(1)>.txt"
    (folder / name).write_text("x")
    opened.choose(folder)
    assert opened.answer()["file"] == name
    assert opened.page.locator("#result img").count() == 0


def test_it_is_used_with_the_keyboard_alone(opened: Checker, folder: Path) -> None:
    opened.choose(folder)
    reached = []
    for _ in range(5):
        opened.page.keyboard.press("Tab")
        reached.append(opened.page.evaluate("document.activeElement.id"))
    assert reached[:4] == ["folder", "zip", "trust", "start"]
    opened.page.focus("#start")
    opened.page.keyboard.press("Enter")
    opened.page.get_by_text("Nothing refused, not everything checked.").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone(opened: Checker, folder: Path, scheme: str) -> None:
    opened.page.emulate_media(color_scheme=scheme)
    opened.page.set_viewport_size({"width": 360, "height": 700})
    opened.choose(folder)
    opened.answer()
    width = opened.page.evaluate("document.documentElement.scrollWidth")
    opened.page.set_viewport_size({"width": 1280, "height": 720})
    assert width <= 360


# What it may do -----------------------------------------------------------------------------


def test_every_script_and_style_is_named_by_its_hash() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_policy(text) == text, "run: python -m support.page_policy"


def test_without_its_script_the_page_says_so(checker: Checker) -> None:
    browser = checker.context.browser
    assert browser is not None
    with contextlib.closing(browser.new_context(java_script_enabled=False)) as context:
        page = context.new_page()
        page.goto(PAGE.as_uri())
        assert page.is_visible("#idle")
    checker.open()
    assert checker.page.locator("#idle").count() == 0


def test_nothing_else_may_run_or_be_loaded(opened: Checker) -> None:
    """The policy, not good manners: what the page does not do, injected words cannot do either."""
    refused = opened.page.evaluate("""async () => {
      const refused = [];
      document.onsecuritypolicyviolation = (event) => refused.push(event.effectiveDirective);
      const script = document.createElement("script");
      script.textContent = "window.injected = true";
      const image = document.createElement("img");
      image.src = "https://example.org/x.png";
      document.body.append(script, image);
      await fetch("https://example.org/").catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 100));
      return [...refused, String(window.injected)];
    }""")
    opened.complaints.clear()  # the browser says what it refused
    opened.requests.clear()  # it announces the picture before it refuses it
    assert {"script-src-elem", "img-src", "connect-src"} <= set(refused)
    assert refused[-1] == "undefined"
    assert "unsafe" not in policy(PAGE.read_text(encoding="utf-8"))


def test_the_page_is_one_file_without_addresses() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"<link\b|<script[^>]*\bsrc=|@import|\burl\(|\bimport\(|\beval\(", text)
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write", text)


def test_the_page_never_says_verified() -> None:
    assert "verified" not in PAGE.read_text(encoding="utf-8").lower()
