"""What speaks for it that two videos show the same take, and from where on it is enough."""

from __future__ import annotations

import dataclasses

from witnessmark.verification.matching.align import Stretch

#: Blocks that agree, from which two videos share the picture and not only a caption. Measured:
#: one template over unrelated clips up to .36, or to .53 with an agreement up to .69; true copies
#: from .50, under captions too, with an agreement from .79.
BROAD, _BROADER, _SURE = 0.45, 0.6, 0.75
#: Agreement and breadth that need no closer look.
_CLEAR = 0.85
#: Agreement within half a second that movement of so many seconds must reach, how much less for
#: each second more, and the least; over a second, the least.
_MOVED, _BAR, _FALL, _LEAST_QUICK, _LEAST = 2.0, 0.83, 0.2, 0.48, 0.55
#: What a speed of its own must add: it is one more number fitted. Measured in seconds of little
#: movement: other takes to .78 as they are, to .84 with a speed of their own.
_ODD, _LEAST_ODD = 0.06, 0.03
#: Cells that the agreement must come from, and how much of it may be left when one side is
#: shifted by so many seconds. Measured: copies from 18 cells, and up to .44; takes in which a light
#: blinks or a clock ticks, up to 9 cells, and about 1.
_WIDE, _LEFT = 12.0, 0.7
#: Noise in common from which less movement need agree, and how much. Measured: other takes to .05,
#: copies in which little moves from .09 (docs/adr/0025).
_NOISE, NOISY = 0.08, 0.4


@dataclasses.dataclass(frozen=True, slots=True)
class Aligned:
    """A stretch with the evidence along it.

    Attributes:
        agreement: correlation over space and time of what moves against the second around it, -1
            to 1.
        quick: the same against half a second around it.
        moving: seconds that movement lasts (as Kish counts samples; see `motion`).
        wide: cells that the agreement comes from, counted alike.
        again: the most of `quick` when one side is shifted: of a light that blinks, nearly all.
        noise: correlation of what is there where nothing moves (see `noise`), 0 when not looked at.
        breadth: share of the blocks of the picture whose detail agrees: a caption that two
            videos share covers few.
        drawn: share of the picture without any detail, 0 when it has no contrast either: cards
            and captions are drawn so, and no camera sees so.
    """

    stretch: Stretch
    agreement: float
    quick: float
    moving: float
    wide: float
    breadth: float
    drawn: float
    again: float = 0.0
    noise: float = 0.0

    @property
    def same_footage(self) -> bool:
        """Whether the agreement cannot come from another take.

        Thresholds from edits and disjoint parts of the shoots that are there to fit
        (`bench/matching/sources.py`; docs/adr/0023). The less moves, the more must agree.
        """
        broad = BROAD if self.agreement >= _SURE else _BROADER
        if self.moving < 1.0 or self.wide < _WIDE or self.breadth < broad:
            return False
        if self.again > _LEFT * self.quick:
            return False
        if self.noise >= _NOISE:
            return self.agreement >= _LEAST_QUICK and self.quick >= NOISY
        bar, least = _BAR - _FALL * max(0.0, self.moving - _MOVED), _LEAST_QUICK
        if self.stretch.rate != 1.0:
            bar, least = bar + _ODD, least + _LEAST_ODD
        return self.agreement >= _LEAST and self.quick >= max(least, bar)

    @property
    def clear(self) -> bool:
        """Whether a closer look would change nothing."""
        return self.same_footage and self.agreement >= _CLEAR and self.breadth >= _CLEAR
