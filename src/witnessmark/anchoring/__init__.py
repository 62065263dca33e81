"""The network side of time and witnesses: authorities, calendars, co-signing."""
