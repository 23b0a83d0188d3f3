"""What messages, findings and charts say, in words: for tests that check what a reader reads."""

from __future__ import annotations

from typing import Any

from loyalty_helpers.core.findings import Finding
from loyalty_helpers.report.charts.marks import Chart
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.findings import sentence


def said(found: Any) -> str:
    """A message, a finding, several of them, or nothing, in words."""
    if isinstance(found, (list, tuple)):
        return " ".join(filter(None, map(said, found)))
    return words(sentence(found) if isinstance(found, Finding) else found)


def title(chart: Chart) -> str:
    """The claim above a chart."""
    return said(chart.title).removesuffix(".")
