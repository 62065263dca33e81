"""Witnessmark: video evidence of atrocities, kept so that any later change shows."""

__version__ = "0.1.0"
