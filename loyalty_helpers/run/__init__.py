"""The run: which chapters are due, in what order, and how their pages become the client's report.

It takes a client's key and leaves a complete set of pages, or the last one untouched and the reason in plain words. It
knows chapters only as files, and never looks into their numbers.
"""

__all__ = [
    "build",
    "check",
    "faults",
    "holdout",
    "kernels",
    "parameters",
    "provenance",
    "publish",
    "purge",
    "state",
]
