"""The sealed log, pure: bytes in, facts or `BadRecord` out. No files, no network, no clock."""
