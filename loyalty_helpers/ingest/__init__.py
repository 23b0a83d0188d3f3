"""From a client's exports to canonical tables and a ledger that adds up.

It takes the files that client.yml names and gives tables with our names, customers under pseudonyms, every row counted.
It never guesses what the settings do not say, and never changes a file.
"""

__all__ = [
    "alerts",
    "cells",
    "files",
    "identity",
    "known",
    "orders",
    "prepare",
    "pseudonyms",
    "source",
    "survey",
    "themes",
]
