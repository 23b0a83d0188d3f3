"""What messages, findings and charts say, in words: for tests that check what a reader reads."""

from __future__ import annotations

from typing import Any

import pandas as pd

from loyalty_helpers.core.findings import Finding
from loyalty_helpers.core.messages import Listed, Message, Number, Persons
from loyalty_helpers.report.charts.marks import Chart
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.findings import sentence


def said(*found: Any) -> str:
    """Messages, findings, lists of them, or nothing, in words, one after the other."""
    if len(found) != 1:
        return " ".join(filter(None, map(said, found)))
    (found,) = found
    if isinstance(found, (list, tuple)):
        return said(*found)
    return words(sentence(found) if isinstance(found, Finding) else found)


def title(chart: Chart) -> str:
    """The claim above a chart."""
    return said(chart.title).removesuffix(".")


def in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with words in place of its messages."""
    return frame.map(lambda cell: words(cell) if isinstance(cell, (Listed, Message, Number, Persons)) else cell)
