"""Links are asked through the proxy and through nothing else, names included."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import proxy
from support.website import running, status
from witnessmark.collection.links import Links
from witnessmark.ports import Unreadable

ROOT = Path(__file__).parents[3]
BODY = b"\0\0\0\x18ftypisom" + bytes(4000)
THROUGH = """
import sys
from witnessmark.collection.links import Links
links = Links()
links.proxy = sys.argv[2]
(item,) = links.items(sys.argv[1])
with item.open() as file:
    print(len(file.read()))
"""


def through(folder: Path, port: int, setting: str) -> subprocess.CompletedProcess[str]:
    """Downloads in a process that may reach that port only."""
    sheet, program = folder / "links.csv", folder / "through.py"
    sheet.write_text("link\nhttp://somewhere.example/a.mp4\n", encoding="utf-8")
    program.write_text(THROUGH, encoding="utf-8")
    elsewhere = "http://127.0.0.1:1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HTTP_PROXY": elsewhere}
    environment |= {"http_proxy": elsewhere, "ALL_PROXY": elsewhere, "all_proxy": elsewhere}
    command = [sys.executable, "-m", "support.guarded", str(port), str(program)]
    return subprocess.run(
        [*command, str(sheet), setting],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("scheme", ["socks5h", "http"])
def test_nothing_goes_around_the_proxy(scheme: str, tmp_path: Path) -> None:
    pages = {"/a.mp4": status(200, BODY, Content_Type="video/mp4")}
    with running(pages) as up, proxy.running({"somewhere.example": up.port}) as between:
        done = through(tmp_path, between.port, f"{scheme}://127.0.0.1:{between.port}")
        assert set(between.asked) == {"somewhere.example:80"}
    assert (done.returncode, done.stdout.strip()) == (0, str(len(BODY))), done.stderr


def test_the_guard_would_notice(tmp_path: Path) -> None:
    """Without the setting it asks for the name itself, whatever the environment's proxies are."""
    done = through(tmp_path, 1, "")
    assert done.returncode == 97


def test_without_a_proxy_a_person_is_told(tmp_path: Path) -> None:
    sheet = tmp_path / "links.csv"
    sheet.write_text("link\nhttp://somewhere.example/a.mp4\n", encoding="utf-8")
    links = Links()
    assert "no_proxy" in links.preflight(str(sheet)).notes
    links.proxy = "socks5h://127.0.0.1:9050"
    assert links.preflight(str(sheet)).notes == {}


@pytest.mark.parametrize("way", ["rtmp", "rtsp"])
def test_what_no_gate_can_carry_is_refused(way: str, tmp_path: Path) -> None:
    """For RTMP a program would be started that asks by itself."""
    called = tmp_path / "called"
    program = tmp_path / "bin" / "rtmpdump"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {called}\n", encoding="utf-8")
    program.chmod(0o700)
    page = f'<html><video><source src="{way}://10.0.0.1/app/clip.mp4"></video></html>'.encode()
    sheet = tmp_path / "links.csv"
    links = Links(str(tmp_path))
    links.allowed = frozenset({"127.0.0.1"})
    pages = {"/a": status(200, page, Content_Type="text/html")}
    with running(pages) as up, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        sheet.write_text(f"link\n{up.url('/a')}\n", encoding="utf-8")
        (item,) = links.items(str(sheet))
        assert item.open is not None
        with pytest.raises(Unreadable), item.open():
            pass
    assert not called.exists()
