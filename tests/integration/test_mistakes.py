"""Wrong words, odd files and damaged archives: always sentences, and nothing is harmed."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_cli import SCOPE, Program
from witnessmark.archive import Archive, checking

RISK = dict.fromkeys(["persons_depicted", "uploader", "witnesses", "analysts"], "none")
LONG = "9" * 20
EXPORT = ["export", "--recipient", "r", "--purpose", "p", "--unencrypted", "--risk"]
INIT = ["init", "--scope", "scope.json"]

#: What is typed, and how it ends.
MISTAKES = [
    ([*INIT, "."], 1),
    ([*INIT, "file"], 1),
    ([*INIT, "file/x"], 1),
    ([*INIT, "n" * 250], 1),
    ([*INIT, "n" * 300], 1),
    ([*INIT, "/proc/nowhere/x"], 1),
    (["init", "new", "--scope", "five.toml"], 1),
    (["init", "new", "--scope", "numbers.json"], 1),
    (["init", "new", "--scope", "bell.json"], 1),
    (["init", "new", "--scope", "endless.json"], 1),
    (["init", "new", "--scope", "deep.json"], 1),
    (["init", "new", "--scope", "list.json"], 1),
    (["init", "new", "--scope", "source"], 1),
    (["init", "new", "--scope", "latin.json"], 1),
    (["collect", ""], 1),
    (["collect", " "], 1),
    (["show", "²"], 1),
    (["show", "٣"], 1),
    (["show", LONG], 1),
    (["show", "9" * 400], 1),
    (["disclose", LONG, "--reason", "x"], 2),
    (["disclose", "--reason", "x", "--", "-1"], 2),
    (["erase", LONG, "--reason", "x"], 2),
    ([*EXPORT, "²", "p"], 1),
    ([*EXPORT, LONG, "p"], 1),
    ([*EXPORT, "999999", "p"], 1),
    ([*EXPORT, "deep.json", "p"], 1),
    ([*EXPORT, "list.json", "p"], 1),
    ([*EXPORT, "numbers.json", "p"], 1),
    ([*EXPORT, "source", "p"], 1),
    ([*EXPORT, "risk.json", "file/p"], 1),
    ([*EXPORT, "risk.json", "file"], 1),
    ([*EXPORT, "risk.json", "n" * 250], 1),
    ([*EXPORT, "risk.json", "/proc/nowhere/p"], 1),
    ([*EXPORT, "risk.json", "p", "--disclose", "captoin"], 1),
    (["export", "--csv", "file"], 1),
    (["export", "--csv", "no-folder/sheet.csv"], 1),
    (["export", "--csv", "source"], 1),
    (["backup", "file"], 1),
    (["backup", "file/x"], 1),
    (["backup", "source"], 1),
    (["backup", "archive"], 1),
    (["backup", "n" * 300], 1),
    (["check", "--trust", "other.key"], 1),
    (["check", "--trust", "file"], 1),
    (["check", "--trust", "latin.json"], 1),
    (["check", "--trust", "no-such-file"], 1),
    (["check", "--trust", "empty"], 1),
    (["status", "--archive", "file"], 1),
    (["status", "--archive", "n" * 300], 1),
    (["show", "0", "--key-file", "source"], 1),
    (["disclose", "0", "--reason", "x", "--second-key-file", "source"], 1),
]


def write_odd_files(folder: Path) -> None:
    texts = {
        "scope.json": json.dumps(SCOPE),
        "risk.json": json.dumps({**RISK, "decision": "share"}),
        "five.toml": "parties = 5\n",
        "numbers.json": json.dumps({**SCOPE, "dates": {"from": 1}}),
        "bell.json": json.dumps({**SCOPE, "purpose": "a\u0007b"}),
        "endless.json": json.dumps({**SCOPE, "purpose": "x" * 5000}),
        "deep.json": '{"purpose": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "list.json": "[1, 2]",
        "file": "no folder\n",
        "empty": "",
        "other.key": "",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "latin.json").write_bytes(b'{"purpose": "\xe9"}')
    (folder / "source").mkdir()
    (folder / "source" / "one.txt").write_text("one")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A folder with an archive, and odd files beside it."""
    program = Program(tmp_path_factory.mktemp("mistakes"))
    write_odd_files(program.folder)
    program(*INIT, "another")
    shutil.copy(program.folder / "another" / "trust.txt", program.folder / "other.key")
    program(*INIT, "archive")
    program("collect", "source")
    return program


def entries(folder: Path) -> int:
    with Archive.open(folder) as archive:
        assert checking.check(archive).problems == []
        head = archive.journal.head()
        assert head is not None
        return head.size


@pytest.mark.parametrize(("words", "code"), MISTAKES, ids=lambda each: str(each)[:60])
def test_mistakes_end_in_sentences(ready: Program, words: list[str], code: int) -> None:
    before, beside = entries(ready.folder / "archive"), sorted(ready.folder.iterdir())
    ready(*words, code=code)
    if code == 1 and words[:3] != ["check", "--trust", "other.key"]:
        assert ready.err.startswith("witnessmark: ")
    assert entries(ready.folder / "archive") == before
    assert sorted(ready.folder.iterdir()) == beside


def test_an_archive_is_not_made_of_the_folder_one_is_in(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program("init", ".", "--scratch", code=1)
    assert "folder that you are in" in program.err
    assert list(tmp_path.iterdir()) == []


def toml_is_a_folder(archive: Path) -> None:
    (archive / "archive.toml").unlink()
    (archive / "archive.toml").mkdir()


def derived_is_a_file(archive: Path) -> None:
    shutil.rmtree(archive / "derived")
    (archive / "derived").write_text("x")


def object_is_a_folder(archive: Path) -> None:
    (victim,) = (path for path in (archive / "objects").glob("??/*") if path.is_file())
    victim.unlink()
    victim.mkdir()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (toml_is_a_folder, ["status"]),
        (derived_is_a_file, ["status"]),
        (object_is_a_folder, ["check"]),
        (object_is_a_folder, [*EXPORT, "risk.json", "p"]),
        (object_is_a_folder, ["backup", "copy"]),
    ],
    ids=lambda each: each.__name__ if callable(each) else each[0],
)
def test_damaged_archives_end_in_sentences(
    ready: Program, tmp_path: Path, damage: object, words: list[str]
) -> None:
    write_odd_files(tmp_path)
    shutil.copytree(ready.folder / "archive", tmp_path / "archive")
    damage(tmp_path / "archive")  # type: ignore[operator]
    program = Program(tmp_path)
    program(*words, code=1)
    assert not (tmp_path / "p").exists()
    said = json.loads(program(*words, "--json", code=1).splitlines()[-1])
    assert said.get("error") or said.get("problems")


def test_without_private_db_the_record_can_be_looked_at(ready: Program, tmp_path: Path) -> None:
    shutil.copytree(ready.folder / "archive", tmp_path / "archive")
    (tmp_path / "archive" / "private.db").unlink()
    program = Program(tmp_path)
    program.environment.pop("WITNESSMARK_PASSPHRASE")
    assert program.json("check")["problems"] == []
    for words in (["status"], ["show", "0"], ["log"], ["keys"]):
        program(*words)
    assert not (tmp_path / "archive" / "private.db").exists()


def test_trust_in_an_archives_own_key(ready: Program) -> None:
    assert ready.json("check", "--trust", "archive/trust.txt")["problems"] == []
    assert ready.json("check", "--trust", "other.key", "--trust", "archive/trust.txt")
    found = ready.json("check", "--trust", "other.key", code=1)["problems"]
    assert [each["code"] for each in found] == ["trust"]


def test_entering_nothing_stays_locked(ready: Program) -> None:
    """On a terminal `show` asks for the passphrase; looking must not take one."""
    environment = {k: v for k, v in ready.environment.items() if k != "WITNESSMARK_PASSPHRASE"}
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "witnessmark.cli", "show", "0"],
        env=environment,
        cwd=ready.folder,
        stdin=there,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    os.close(there)
    assert process.stdout is not None
    out = ""
    while not out.endswith("locked): "):  # what is typed before the question is thrown away
        out += process.stdout.read(1) or pytest.fail(out)
    os.write(here, b"\n")
    out, _ = process.communicate(timeout=60)
    os.close(here)
    assert process.returncode == 0, out
    assert re.search("entry 0 of", out)
    assert SCOPE["person"] not in out


def test_a_full_standard_output_is_said(ready: Program) -> None:
    with open("/dev/full", "w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "witnessmark.cli", "log", "--json"],
            env=ready.environment,
            cwd=ready.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert process.returncode == 1
    assert "No space left" in process.stderr
    assert "Traceback" not in process.stderr
    assert "Exception ignored" not in process.stderr
