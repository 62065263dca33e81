"""Matching measured: recall by edit, false matches, same scenes, peers, and what a score means.

Edits are synthetic, made here from short real clips: real re-uploads are harder. Thresholds come
from half of the shoots, figures from the other half (`sources`).
"""
