"""How far the clock of this machine can be trusted, as its system says.

Linux knows by how much at most its clock is off, while a time service keeps it (`ntp_adjtime`; it
only reads here). Elsewhere, or in a container that may not ask, nothing is known, and said so.
"""

from __future__ import annotations

import ctypes
import dataclasses
import sys

SYNCHRONISED, UNSYNCHRONISED, UNKNOWN = "synchronised", "unsynchronised", "unknown"
#: Notes of a run, and what a person should do.
NOTES = {
    UNSYNCHRONISED: (
        "clock_unsynchronised",
        "No time service keeps this machine's clock: times of this run are its own. Turn on time "
        "synchronisation; an anchor shows the latest time at which the run can have been.",
    ),
    UNKNOWN: (
        "clock_unknown",
        "This system does not say whether a time service keeps its clock.",
    ),
}
_UNSYNCHRONISED, _ERROR = 0x40, 5


@dataclasses.dataclass(frozen=True, slots=True)
class Clock:
    """State of the clock; `error_ms` is what it may be off at most, None when that is not known."""

    state: str
    error_ms: int | None = None


def _longs(names: str) -> list[tuple[str, type[ctypes.c_long]]]:
    return [(name, ctypes.c_long) for name in names.split()]


class _Timex(ctypes.Structure):
    """`struct timex` of Linux."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *_longs("offset freq maxerror esterror"),
        ("status", ctypes.c_int),
        *_longs("constant precision tolerance sec usec tick ppsfreq jitter"),
        ("shift", ctypes.c_int),
        *_longs("stabil jitcnt calcnt errcnt stbcnt"),
        ("tai", ctypes.c_int),
        ("pad", ctypes.c_int * 11),
    )


def look() -> Clock:
    """What the system says of its clock now."""
    if not sys.platform.startswith("linux"):
        return Clock(UNKNOWN)
    timex = _Timex()
    try:
        result = ctypes.CDLL(None).ntp_adjtime(ctypes.byref(timex))
    except (OSError, AttributeError):  # another C library
        return Clock(UNKNOWN)
    return judged(result, timex.status, timex.maxerror)


def judged(result: int, status: int, microseconds: int) -> Clock:
    """What `ntp_adjtime` returned, its status and its greatest error mean."""
    if result < 0:
        return Clock(UNKNOWN)
    if result == _ERROR or status & _UNSYNCHRONISED:
        return Clock(UNSYNCHRONISED)
    return Clock(SYNCHRONISED, max(0, -(-microseconds // 1000)))
