"""Chapter 03: published cases beside this shop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from loyalty_helpers.core.findings import digits_for
from loyalty_helpers.core.messages import Listed, Message, Number, message
from loyalty_helpers.evaluation import cases
from loyalty_helpers.report.page import Page
from loyalty_helpers.report.wording.findings import level


@dataclass(frozen=True)
class Comparison:
    """The published cases of a choice (`library`), and their comparable results with this shop's change beside each
    (`families`, and as a table `beside`)."""

    library: pd.DataFrame
    families: list[cases.Family]
    beside: pd.DataFrame

    def evidence(self, *, weaker: bool = False) -> pd.DataFrame:
        """What the best evidence on each mechanism says: of grade A and B, or the `weaker`."""
        best = cases.best_evidence(self.library)
        return best[(best["grade"] > "B") == weaker]

    @property
    def sources(self) -> pd.DataFrame:
        return self.library[["case_id", "name_en", "industry", "kpi", "grade", "design", "source"]]

    @property
    def ranges(self) -> pd.DataFrame:
        """`cases.ranges`, each end with as many digits as were published."""
        table = cases.ranges(self.library)
        ends = {name: [cases.published(end, unit) for end, unit in zip(table[name], table["unit"], strict=True)]
                for name in ("lowest", "highest")}
        return table.assign(**ends).drop(columns="unit")


class Chapter(Page):
    """Published programs beside the changes that chapter 04 handed on."""

    reads = False

    def comparison(self, *, industry: str = "", mechanism: str = "", kpi: str = "") -> Comparison:
        """The cases that contain these words ("" means any), beside this shop's changes."""
        library = cases.filter(cases.load(), industry=industry or None, mechanism=mechanism or None, kpi=kpi or None)
        changes = self.handed("verdict")["changes"]
        return Comparison(library, cases.families(library, changes), cases.beside(library, changes))

    def articles(self) -> pd.DataFrame:
        """The cases of the source articles, whatever was chosen."""
        return cases.article_cases(cases.load())


# ---------------------------------------------------------------- what it says
def published(families: Sequence[cases.Family]) -> Message:
    """How many results may be compared, and where the shop's own could be set beside."""
    results = sum(len(family.results) for family in families)
    own = tuple(dict.fromkeys(family.family for family in families if family.own is not None))
    if not results:
        return message("cases-none")
    found = message("cases-found", results=results, families=len(families))
    return (message("cases-compared", found=found, beside=Listed(own, parted_by="series")) if own else
            message("cases-compared-none", found=found))


def caution() -> Message:
    return message("cases-caution")


def limits() -> Message:
    return message("cases-limits")


def title(family: cases.Family) -> Message:
    """What was published: the only claim that holds for any client."""
    ordered = family.results.sort_values("effect")
    low, high = (cases.published(ordered["effect"].iloc[i], family.unit) for i in (0, -1))
    facts = {"family": family.family, "low": low, "low-grade": ordered["grade"].iloc[0]}
    if len(ordered) == 1:
        return message("family-one", **facts)
    return message("family-several", **facts, n=len(ordered), high=high, **{"high-grade": ordered["grade"].iloc[-1],
                   "one-grade": "yes" if ordered["grade"].nunique() == 1 else "no",
                   "one-study": "yes" if family.studies == 1 else "no"})


def beside(family: cases.Family) -> Message:
    """What was published, and this shop's change beside it."""
    return message("family-beside", title=title(family), own=own(family))


def own(family: cases.Family) -> Message:
    """This shop's change in the unit of the published results, or why there is none."""
    mine = family.own
    if mine is None:
        return family.why_not
    digits = digits_for(mine.low, mine.high, mine.unit)
    value, low, high = (message("case-figure", n=Number(end, digits=digits, signed=True), unit=mine.unit)
                        for end in (mine.estimate, mine.low, mine.high))
    return message("own-change", label=mine.label, value=value, low=low, high=high,
                   level=level(mine), **{"per-order": "yes" if mine.kpi in cases.PER_ORDER else "no"})
