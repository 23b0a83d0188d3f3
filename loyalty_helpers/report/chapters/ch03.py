"""Chapter 03: published cases beside this shop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from loyalty_helpers.core.findings import count
from loyalty_helpers.evaluation import cases

Frames = Mapping[str, pd.DataFrame]


def published(families: Sequence[cases.Family]) -> str:
    """The answer of chapter 03: how many results may be compared, and where the shop's own could be set beside."""
    results = sum(len(family.results) for family in families)
    own = [family for family in families if family.own is not None]
    if not results:
        return "No published result of this choice may be compared: none has a figure, a unit and a stated comparison."
    *most, last = dict.fromkeys(family.family for family in own) if own else ["none of them"]
    beside = f"{', '.join(most)} and {last}" if most else last
    found = f"{count(results, 'published result')} in {count(len(families), 'family')} may be compared"
    return f"{found}; this shop's own changes could be set beside {beside}."


def ranges_shown(library: pd.DataFrame) -> pd.DataFrame:
    """`cases.ranges` for a reader, each range with as many digits as were published."""
    table = cases.ranges(library)
    ends = {
        name: [f"{end:+.10g} {unit}".replace("-", "−") for end, unit in zip(table[name], table["unit"], strict=True)]
        for name in ("lowest", "highest")
    }
    return table.assign(**ends).drop(columns="unit")
