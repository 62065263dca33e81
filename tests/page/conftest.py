"""One browser for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.browser import CHROMIUM, Checker, chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Checker]:
    """The page in Chromium, offline; left out on a machine without it.

    Closed before tests elsewhere begin: while it is open, an event loop runs here.
    """
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with chromium() as checker:
        yield checker


@pytest.fixture
def checker(browser: Checker) -> Iterator[Checker]:
    """The same, and afterwards: no request was made, and the page did not complain."""
    yield browser
    requests, complaints = list(browser.requests), list(browser.complaints)
    browser.requests.clear()
    browser.complaints.clear()
    assert requests == []
    assert complaints == []
