"""Re-uploads made on the spot: what platforms and people do to a clip before it comes back.

They are synthetic: real re-uploads combine several and add encoders of their own.

    video       reading and writing the pictures of a clip
    pictures    what an edit does to one picture, always the same
    dressing    what is put around and over pictures, with random measures
    fixed       edits of clips, always the same: what tests and the demo use
    reuploads   edits of clips with random measures: what measurements use
    sound       edits of what is heard
"""

from __future__ import annotations

from support.edits.fixed import (
    EDITS,
    Edit,
    caption_bar_and_logo,
    compilation,
    crop,
    excerpt,
    low_bitrate,
    mirror,
    speed,
)
from support.edits.video import fitted, frames, pace, resized, steady, write

__all__ = [
    "EDITS",
    "Edit",
    "caption_bar_and_logo",
    "compilation",
    "crop",
    "excerpt",
    "fitted",
    "frames",
    "low_bitrate",
    "mirror",
    "pace",
    "resized",
    "speed",
    "steady",
    "write",
]
