"""Packages made by hand from the specification pages, good and forged."""
