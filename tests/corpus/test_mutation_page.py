"""Each check of check.html is taken out in turn: some case must then get another answer.

The page's engine runs in Node, with a switch in the place of each check (support/switched.py). A
check is taken out in the cases alone in which it fires: all others go the same way without it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support import switched
from tests.corpus.cases import CASES
from tests.corpus.test_mutation import excused, made

#: Checks that no package can reach: what they say, and where else they are tried or why not.
OUT_OF_REACH = {
    '"no algorithm"': "whoever asks has looked at the tag already",
    "This file changed while it was being checked.": "an edit during the check: test_page.py",
    "No archive key of this record is for that checkpoint.": "every size has a key after genesis",
    '"it is too large"': "a trust file of 16 MiB: test_edges.py",
}
#: Checks behind which another refuses with the same code; theirs is the better sentence.
SAME_CODE = {
    "The package is one folder deeper": "it is no package in any case",
    "The package is in the folder ${only}": "it is no package in any case",
    "No entry in the package names this file.": "no size is the right one either",
    "something in it is no JSON of this format": "no number is safe that is none",
    "text in it has no end, or a control character": "what stands there is no escape",
    "it ends early": "the end is missed by so much",
    "it is not base64": "nothing is the base64 of nothing",
    "no point of its curve": "no signature holds under such a key either",
    "a number that is too large": "what is undefined is below no limit",
    "no point of time": "reading what is not there ends the same way",
    "if (!isText(text))": "what is no text is no base64 either",
    "a revocation without a time": "reading what is not there ends the same way",
    "Its directory is not where it says.": "its first entry is not there",
    "An entry of its directory is malformed.": "the next one does not begin where it should",
    "Its ZIP64 end is missing.": "what stands there is none",
}


@pytest.mark.skipif(not switched.NODE, reason="there is no Node on this machine")
def test_every_check_of_the_page_decides_a_case(tmp_path: Path) -> None:
    script, sites = switched.with_switches(switched.engine())
    assert len(sites) > 250
    packages = made([case for case in CASES if not case.folder_only], tmp_path)
    lines = [switched.case(path, case.trust) for path, case in packages.values()]
    found = switched.run(script, lines, tmp_path)
    for (_, case), said in zip(packages.values(), found["answers"], strict=True):
        assert (said["outcome"], said["code"]) == (case.outcome, case.code), case.name
    never = [site.text for site in sites if site.number not in found["fired"]]
    assert [text for text in never if not excused(text, OUT_OF_REACH)] == []
    survivors = [
        f"{sites[number].text} ({', '.join(list(packages)[case] for case in cases)})"
        for number, cases in found["survivors"]
    ]
    assert [text for text in survivors if not excused(text, SAME_CODE)] == []
    print(
        f"\ncheck.html: {len(found['fired'])} of {len(sites)} checks taken out, {len(packages)} "
        f"packages, {len(survivors)} decide nothing alone; {len(never)} are out of reach"
    )


def test_a_check_that_decides_nothing_would_be_found(tmp_path: Path) -> None:
    """The search finds: a check that stands twice is decided by its twin."""
    if not switched.NODE:
        pytest.skip("there is no Node on this machine")
    twin = 'if (records.size > 9999) refuse("oxum", "Never.", INFO);'
    mark = 'refuse("oxum", "`Payload-Oxum` is missing, repeated, or does not fit.", INFO);'
    text = switched.engine()
    assert mark in text
    script, sites = switched.with_switches(text.replace(mark, f"{mark} {mark}\n{twin}"))
    packages = made([case for case in CASES if case.code == "oxum"], tmp_path)
    lines = [switched.case(path, case.trust) for path, case in packages.values()]
    found = switched.run(script, lines, tmp_path)
    first, second = (site.number for site in sites if site.text.startswith('refuse("oxum", "`'))
    assert first in [number for number, _ in found["survivors"]]
    assert second not in found["fired"]
