"""Findings and messages in words, as the tests read them."""

import pandas as pd

from loyalty_helpers.core.findings import Finding
from loyalty_helpers.core.messages import Listed, Message, Number, Persons
from loyalty_helpers.report.wording import findings, words


def said(*found) -> str:
    """Messages, and findings by their sentences, one after the other."""
    return " ".join(words(findings.sentence(one) if isinstance(one, Finding) else one) for one in found)


def in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with words in place of its messages."""
    return frame.map(lambda cell: words(cell) if isinstance(cell, (Listed, Message, Number, Persons)) else cell)
