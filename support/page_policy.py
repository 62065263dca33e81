"""Names every script and style of `checker/check.html` by its hash, in the page's own policy, and
writes the hashes of both checkers down for readers.

python -m support.page_policy    after each change of a checker; tests say when it was forgotten
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "checker" / "check.html"
HASHES = PAGE.with_name("HASHES")
_POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")[^"]*(">)')


def _hashes(page: str, element: str) -> str:
    inner = re.findall(rf"<{element}(?: [^>]*)?>(.*?)</{element}>", page, re.DOTALL)
    digests = (hashlib.sha256(text.encode()).digest() for text in inner)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def policy(page: str) -> str:
    """What the page may do: run its own scripts, and a worker that it makes from one of them."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hashes(page, 'script')}",
            f"style-src {_hashes(page, 'style')}",
            "worker-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def with_policy(page: str) -> str:
    """The page with the policy that its scripts and styles need."""
    return _POLICY.sub(lambda found: found[1] + policy(page) + found[2], page, count=1)


def published() -> str:
    """The lines of `checker/HASHES`."""
    checkers = (PAGE.with_name("check.py"), PAGE)
    return "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in checkers)


if __name__ == "__main__":
    PAGE.write_text(with_policy(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    HASHES.write_text(published(), encoding="utf-8")
