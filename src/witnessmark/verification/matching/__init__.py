"""Finds the same footage in other uploads: fingerprints, and the comparison of two of them.

decode -> samples -> hashes and features -> candidates -> decision by movement -> segments.
"""

from witnessmark.verification.matching.comparing import compare, inspect
from witnessmark.verification.matching.fingerprint import VERSION, Fingerprint, fingerprint
from witnessmark.verification.matching.matcher import VERSION as MATCHER_VERSION
from witnessmark.verification.matching.matcher import Match, Segment, match

__all__ = [
    "MATCHER_VERSION",
    "VERSION",
    "Fingerprint",
    "Match",
    "Segment",
    "compare",
    "fingerprint",
    "inspect",
    "match",
]
