"""Shows the main job: `python -m demo.run`."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from demo import footage, material
from support.footage import real

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".demo"
PROGRAM = Path(sys.executable).with_name("witnessmark")
SCOPE = {
    "purpose": "Show what the program does",
    "parties": ["Party A", "Party B"],
    "places": ["Upper Valley (invented)"],
    "dates": "March 2026",
    "legal_basis": "footage under free licences",
    "person": "A Newcomer",
}
RISK = {
    "decision": "share",
    "persons_depicted": "none: passers-by in clips that are public",
    "uploader": "none: the channels are invented",
    "witnesses": "none",
    "analysts": "none",
}


def say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def run(*words: str, program: str | Path = PROGRAM, may_fail: bool = False) -> str:
    """Runs a command as a person would type it, shows it and what it prints."""
    name = "witnessmark" if program == PROGRAM else f"python3 {words[0]}"
    shown = shlex.join([*name.split(), *(words if program == PROGRAM else words[1:])])
    print(f"$ {shown.replace(str(ROOT) + os.sep, '')}", flush=True)
    done = subprocess.run([str(program), *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    if done.returncode and not may_fail:
        sys.exit(f"the demo stopped: the command above ended with {done.returncode}")
    return done.stdout


def main() -> None:
    started = time.monotonic()
    say("1. Real footage, and what two channels made of it")
    clips = {**real_extra(), **footage.fetch(PLACE / "footage")}
    for name in ("archive", "partner", "sources"):
        shutil.rmtree(PLACE / name, ignore_errors=True)
    for name in ("package.zip", "question", "answer"):
        (PLACE / name).unlink(missing_ok=True)
    work = PLACE / "sources" / "edits"
    work.mkdir(parents=True)
    a = material.channel_a(PLACE / "sources" / "party-a", clips, work)
    b = material.channel_b(PLACE / "sources" / "party-b", clips, work)
    c = material.handed_over(PLACE / "sources" / "handed-over", clips)
    print(f"{len(clips)} clips; exports in {a.relative_to(ROOT)} (JSON) and "
          f"{b.relative_to(ROOT)} (HTML), a folder in {c.relative_to(ROOT)}")  # fmt: skip

    scope, risk = PLACE / "scope.json", PLACE / "risk.json"
    scope.write_text(json.dumps(SCOPE))
    risk.write_text(json.dumps(RISK))
    os.environ["WITNESSMARK_ARCHIVE"] = str(PLACE / "archive")
    os.environ.setdefault("WITNESSMARK_PASSPHRASE", "only for the demo")

    say("2. An archive that says what it is for")
    run("init", str(PLACE / "archive"), "--scope", str(scope))
    say("3. Collect from both sides")
    run("collect", str(a), "--party", "Party A", "--claimed-by", "the channel's own name")
    run("collect", str(b), "--party", "Party B", "--claimed-by", "the channel's own name")
    run("collect", str(c), may_fail=True)
    say("4. Find the same footage, look into every file")
    run("match")
    run("examine")
    run("show")
    say("5. A partner sees the record, by two files on a stick")
    key, witness = PLACE / "archive.key", PLACE / "partner.key"
    key.write_text(run("keys"))
    witness.write_text(partner(key.read_text()))
    say("6. Hand over, and let an independent program check it")
    run("export", str(PLACE / "package.zip"), "--recipient", "the court", "--purpose", "a try-out",
        "--risk", str(risk), "--unencrypted")  # fmt: skip
    run(str(ROOT / "checker" / "check.py"), str(PLACE / "package.zip"), "--trust", str(key),
        "--trust", str(witness), program=sys.executable)  # fmt: skip
    print(f"Or open {(ROOT / 'checker' / 'check.html').relative_to(ROOT)} in a browser, and drop "
          f"{(PLACE / 'package.zip').relative_to(ROOT)} into it.")  # fmt: skip
    run("status")
    say(f"Done in {time.monotonic() - started:.0f} s. Now your own folder:")
    print("  .venv/bin/witnessmark init my-archive --scratch")
    print("  .venv/bin/witnessmark collect FOLDER-OR-EXPORT --archive my-archive")


def partner(keys: str) -> str:
    """Another club's archive co-signs the newest checkpoint of ours; its witness key."""
    theirs = ("--archive", str(PLACE / "partner"))
    run("init", str(PLACE / "partner"), "--scratch")
    ours = next(line for line in keys.splitlines() if not line.startswith("#"))
    run("witness", "add", "the archive", ours, *theirs)
    witness = run("witness", "key", *theirs)
    settings = f'[[witnesses]]\nname = "partner"\nkey = "{witness.split()[-1]}"\n'
    with open(PLACE / "archive" / "archive.toml", "a", encoding="utf-8") as file:
        file.write(settings)
    question, answer = str(PLACE / "question"), str(PLACE / "answer")
    run("cosign", "--request", question)
    run("witness", "sign", question, answer, *theirs)
    run("cosign", "--take", answer)
    return witness


def real_extra() -> dict[str, Path]:
    """More clips, where the machine has them."""
    return {name: path for name, path in real().items() if "__" in name}


if __name__ == "__main__":
    main()
