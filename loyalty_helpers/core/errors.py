"""What is said to the person at the keyboard when something is wrong."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


class UserError(Exception):
    """Plain words for the person at the keyboard: what is wrong, where, and what to do. Shown without traceback.

    `facts` say to whoever catches it what the words say to the person, such as the setting that would help.
    """

    def __init__(self, words: str, **facts: object):
        super().__init__(words)
        self.facts = facts


def suggest(word: object, known: Collection[str]) -> str:
    """" Did you mean 'x'?" for the name in `known` closest to `word`, whatever the case; "" where none is close."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(str(word).lower(), list(by_lower), n=1, cutoff=0.6)
    return f" Did you mean '{by_lower[close[0]]}'?" if close else ""


def printable(text: str) -> str:
    """Without control characters: what files and settings hold must not steer the terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)
