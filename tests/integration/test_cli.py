"""The command line as people and scripts use it."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from support import edits, footage
from tests.conftest import ROOT
from witnessmark.cli.app import PHASES, app, spread
from witnessmark.cli.output import safe, size


def _commands(group: Any, above: str = "") -> dict[str, Any]:
    """All commands by their words; those of a group as `group command`."""
    found: dict[str, Any] = {}
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            found |= _commands(each, f"{above}{name} ")
        if getattr(each, "invoke_without_command", True):
            found[above + name] = each
    return found


COMMANDS = _commands(get_command(app))
SCOPE = {
    "purpose": "tests",
    "parties": ["Party A", "Party B"],
    "places": ["Invented Valley"],
    "dates": "2020",
    "legal_basis": "none needed",
    "person": "Canary Person",
}


class Program:
    """`witnessmark` in a process of its own, on one archive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "WITNESSMARK_ARCHIVE": str(folder / "archive"),
            "WITNESSMARK_PASSPHRASE": "a passphrase for tests",
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "witnessmark.cli", *words],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, code: int = 0) -> str:
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        assert process.returncode == code, f"{words}: {process.returncode}\n{out}{err}"
        self.err = err
        return out

    def json(self, *words: str, code: int = 0) -> dict:
        return json.loads(self(*words, "--json", code=code))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    made = Program(tmp_path)
    (tmp_path / "scope.json").write_text(json.dumps(SCOPE))
    made("init", "archive", "--scope", "scope.json")
    return made


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_explained_with_an_example(name: str) -> None:
    assert re.search(rf"Examples?: witnessmark {name}", COMMANDS[name].help or ""), name
    assert f"`witnessmark {name}`" in (ROOT / "README.md").read_text()
    assert any("--json" in option.opts for option in COMMANDS[name].params), name


def test_every_command_has_its_phase() -> None:
    listed = [name for names in PHASES.values() for name in names]
    assert {name.split()[0] for name in COMMANDS} <= set(listed), "say in cli.app.PHASES where"
    assert len(listed) == len(set(listed))
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "More" not in shown
    places = [shown.index(f"{phase}:") for phase in PHASES]
    assert places == sorted(places)
    assert places[2] < shown.index("audit ") < places[3]


def test_the_readme_names_no_other_command() -> None:
    named = set(re.findall(r"`witnessmark ([\w ]+)`", (ROOT / "README.md").read_text()))
    assert named == set(COMMANDS)


def test_the_whole_way(program: Program, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    clip = footage.synthetic(source / "clip.mp4", seed=1)
    edits.mirror(source / "clip.mp4", source / "mirror.mp4")
    assert clip is None or clip
    assert program.json("collect", "source", "--party", "Party A")["tally"]["stored"] == 2
    assert program.json("match")["same_footage"] == 1
    assert program.json("examine")["findings"]["container"] == {"observed": 2}
    shown = json.loads(program("show", "--json").splitlines()[0])
    assert len(shown["members"]) == 2
    name = shown["members"][0]["object"]
    assert program.json("show", name[:12])["kind"] == "video"
    assert "clip.mp4" in program("show", name[:12]) + program("show", shown["members"][1]["object"])
    status = program.json("status")
    assert status["runs_per_party"] == {"Party A": 1}
    assert status["anchored"] is False
    assert "One-sided" in program("status")
    risk = dict.fromkeys(["persons_depicted", "uploader", "witnesses", "analysts"], "none")
    (tmp_path / "risk.json").write_text(json.dumps({**risk, "decision": "share"}))
    (tmp_path / "our.key").write_text(program("keys"))
    program("export", "package", "--recipient", "r", "--purpose", "p", "--risk", "risk.json",
            "--unencrypted")  # fmt: skip
    assert "HOLDS" in program("check", "package", "--trust", "our.key")
    assert program.json("check")["problems"] == []
    assert program.json("rebuild")["identical"] is True
    assert program.json("backup", "copy")["copied"] >= 2
    assert program.json("check", "--archive", "copy")["problems"] == []
    assert program.json("backup", "copy")["copied"] == 0
    assert len(program("log", "-n", "3", "--json").splitlines()) == 3
    assert program.json("show", "0")["entry"]["type"] == "genesis/1"
    assert program.json("show", "0")["protected"] == {"person_name": "Canary Person"}
    victim = next((tmp_path / "archive" / "objects").glob(f"{name[:2]}/{name}"))
    victim.chmod(0o644)
    victim.write_bytes(b"x")
    found = program.json("check", code=1)["problems"]
    assert [each["code"] for each in found] == ["object_changed"]


def test_refusals_are_sentences(program: Program, tmp_path: Path) -> None:
    program("init", "archive", "--scope", "scope.json", code=1)
    assert "not empty" in program.err
    program("collect", "nowhere", code=1)
    assert "next:" in program.err
    program("status", "--archive", "elsewhere", code=1)
    assert "There is no archive" in program.err
    assert program.json("status", "--archive", "elsewhere", code=1)["error"] == "not_found"
    program("show", "ffff", code=1)
    program("collect", code=2)
    program("no-such-command", code=2)
    program("match", "a.mp4", code=2)
    program("export", "package", "--recipient", "r", "--purpose", "p", "--risk", "none.json",
            "--unencrypted", code=1)  # fmt: skip
    program("export", "package", "--recipient", "r", "--purpose", "p", code=1)
    assert "encrypt" in program.err
    before = program.json("status")["entries"]
    assert before == 1


def test_no_scope_no_archive(tmp_path: Path) -> None:
    program = Program(tmp_path)
    (tmp_path / "scope.json").write_text(json.dumps({**SCOPE, "legal_basis": ""}))
    program("init", "archive", "--scope", "scope.json", code=1)
    assert "legal_basis" in program.err
    assert not (tmp_path / "archive").exists()
    program("init", "archive", code=1)
    program.environment.pop("WITNESSMARK_PASSPHRASE")
    (tmp_path / "scope.json").write_text(json.dumps(SCOPE))
    program("init", "archive", "--scope", "scope.json", code=1)
    assert "passphrase" in program.err
    assert [p.name for p in tmp_path.iterdir()] == ["scope.json"]


def test_a_try_out_needs_nothing(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program.environment.pop("WITNESSMARK_PASSPHRASE")
    program("init", "archive", "--scratch")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.txt").write_text("x")
    program("collect", "source")
    assert "a.txt" in program("show", "2")


def test_plain_files_need_no_archive(tmp_path: Path) -> None:
    program = Program(tmp_path)
    footage.synthetic(tmp_path / "one.mp4", seed=1)
    footage.synthetic(tmp_path / "two.mp4", seed=2)
    edits.low_bitrate(tmp_path / "one.mp4", tmp_path / "low.mp4")
    (tmp_path / "junk.mp4").write_bytes(b"\0\0\0\x18ftypisom" + b"junk" * 100)
    lines = program("match", "low.mp4", "--against", "one.mp4", "two.mp4", "--json").splitlines()
    (found,) = map(json.loads, lines)
    assert (found["query"], found["reference"]) == ("low.mp4", "one.mp4")
    assert found["relation"] == "same_footage"
    assert found["segments"][0]["rate"] == pytest.approx(1, abs=0.05)
    broken = program("match", "junk.mp4", "--against", "one.mp4", "--json", code=1)
    assert json.loads(broken)["file"] == "junk.mp4"
    lines = program("examine", "one.mp4", "junk.mp4", "--json").splitlines()
    results = [[f["result"] for f in json.loads(line)["findings"]] for line in lines]
    assert results[0] == ["observed", "observed"]
    assert "observed" not in results[1]
    program("examine", "gone.mp4", code=1)


def test_stopping_by_hand_keeps_what_was_acknowledged(program: Program, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(1500):
        (source / f"{number:04}.bin").write_bytes(b"%d" % number)
    process = program.start("collect", "source")
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "goes on with what is left" in err
    assert program.json("check")["problems"] == []
    tally = program.json("collect", "source")["tally"]
    assert tally["stored"] + tally["already_held"] == tally["seen"] == 1500
    assert program.json("status")["objects"] == 1500


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "site"
    folder.mkdir()
    footage.synthetic(folder / "clip.mp4", seed=3)

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_sheet_comes_back_with_ids(program: Program, tmp_path: Path, site: str) -> None:
    settings = program.folder / "archive" / "archive.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text('private = ["127.0.0.1"]\n' + text, encoding="utf-8")
    rows = [
        ["Link", "Who found it", "Note"],
        [f"{site}/clip.mp4", "=Canary", "first, with a comma"],
        [f"{site}/gone.mp4", "Canary", "is not there"],
        ["", "Canary", "no link"],
    ]
    with open(tmp_path / "sheet.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    tally = program.json("collect", "sheet.csv", code=1)["tally"]
    assert (tally["seen"], tally["stored"], tally["failed"]) == (3, 1, 2)
    program("export", "--csv", "out.csv")
    with open(tmp_path / "out.csv", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["Note"] for row in found] == [row[2] for row in rows[1:]]
    assert found[0]["Who found it"] == "'=Canary"
    assert found[0]["witnessmark_outcome"] == "stored"
    assert "404" in found[1]["witnessmark_reason"]
    ids = [row["witnessmark_id"] for row in found]
    # the sheet with its ids goes in again: the same rows, the same ids
    again = program.json("collect", "out.csv", code=1)["tally"]
    assert (again["stored"], again["already_held"]) == (0, 1)
    program("export", "--csv", "again.csv")
    with open(tmp_path / "again.csv", newline="") as file:
        assert [row["witnessmark_id"] for row in csv.DictReader(file)] == ids


def test_spread() -> None:
    assert spread(["match", "q", "--against", "a", "b", "--json"], "--against") == [
        "match", "q", "--against", "a", "--against", "b", "--json",
    ]  # fmt: skip


def test_what_came_from_outside_is_escaped() -> None:
    assert safe("a\nb\u202ec\x1b[31m") == "a\\u{a}b\\u{202e}c\\u{1b}[31m"
    assert [size(n) for n in (0, 1023, 1024, 5 << 30)] == [
        "0 bytes", "1023 bytes", "1.0 KiB", "5.0 GiB",
    ]  # fmt: skip


def test_bags_of_others(program: Program, tmp_path: Path) -> None:
    """Their files are checked; by whom they are, such a bag cannot show."""
    import bagit

    bag = tmp_path / "theirs"
    bag.mkdir()
    (bag / "clip.mp4").write_bytes(b"a clip")
    bagit.make_bag(str(bag), checksums=["sha256"])
    found = program.json("check", "theirs", code=3)
    assert (found["bag"], found["files"], found["by_whom"]) == ("0.97", 1, None)
    assert "by others" not in program("check", "theirs", code=3)
    (bag / "data" / "clip.mp4").write_bytes(b"another clip")
    program("check", "theirs", code=1)
    assert "next:" in program.err
