"""The projection of the record: tables that can be dropped and made again from the entries."""
