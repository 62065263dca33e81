"""The picture that explains a match, and what a worker that was taken over could answer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from support import edits, footage
from witnessmark.errors import BadInput
from witnessmark.ports import Result
from witnessmark.verification.matching import explain, match
from witnessmark.verification.matching.fingerprint import of_file


def test_a_mirrored_copy_is_drawn_with_points_that_agree(tmp_path: Path) -> None:
    source = footage.synthetic(tmp_path / "a.mp4", seed=1, seconds=4.0)
    copy = edits.mirror(source, tmp_path / "b.mp4")
    with copy.open("rb") as a, source.open("rb") as b:
        prints = of_file(a)[0], of_file(b)[0]
        found = match(*prints)
        assert found is not None
        moments = explain.moments(found)
        shown = [
            explain.read(explain.pictures(file, {"times": [str(each[side]) for each in moments]}))
            for side, file in ((1, a), (2, b))
        ]
    data = explain.drawn(found, ("b.mp4", "ä.mp4"), prints, (shown[0], shown[1]))
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    blue = np.all(picture == explain._COLOURS[0], axis=2)
    assert len(moments) == explain.MOMENTS
    assert blue.sum() > 2000


@pytest.mark.parametrize(
    "answer",
    [
        Result({"shapes": [[2, 2]]}, {"0": b"123"}),
        Result({"shapes": [[2, 2]]}, {}),
        Result({"shapes": [[9999, 9999]]}, {"0": b"1"}),
        Result({"shapes": [[-1, -1]]}, {"0": b"1"}),
        Result({"shapes": ["x"]}, {"0": b"1"}),
        Result({"shapes": [[True, 1]]}, {"0": b"1"}),
    ],
)
def test_a_senseless_answer_is_refused(answer: Result) -> None:
    with pytest.raises(BadInput):
        explain.read(answer)


def test_no_pictures_are_none() -> None:
    assert explain.read(Result({"shapes": 5}, {})) == []
