"""Advice: which numbers stand on the first page, and what to do next, by plain rules in one place.

Rules, not judgment: the same results give the same advice, and every sentence is made of numbers found elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from loyalty_helpers.chapters import Results
from loyalty_helpers.evaluation import return_words
from loyalty_helpers.findings import Change, Finding, Verdict, amount, capital, count

Step = tuple[str, str]  # what to do, and why
CARDS = ("retention", "repeat_rate", "frequency", "order_value", "nps")
CHAPTER_LINKS = (
    ("01_data_prep", "Data", "what came, what was kept and why"),
    ("02_scoring", "Customers", "who is loyal, who is leaving, what to do for whom"),
    ("03_case_study_comparison", "Other programs", "published results beside this shop's"),
    ("04_program_evaluation", "Did it work?", "every comparison, what it can show, and the money"),
)


# what each verdict asks for
DECISIONS = {
    "works": ("Keep the program.", "Look again in half a year: a lift can fade, and costs can grow."),
    "probably_works": ("Keep the program, and make sure.", "It probably pays; holding some customers out would tell."),
    "costs_more": ("Make the reward smaller or cheaper.", "Members do not buy enough more to pay for what they get."),
    "harms": ("Stop enrolling until you know why.", "Members buy less than comparable buyers: ask some of them."),
}


def cards(changes: Sequence[Change], *, most: int = 4) -> list[Finding]:
    """The KPIs of the first page: the primary one, then the usual ones that could be measured.

    Where no change is measurable (no launch date, too short a time) the levels themselves stand there.
    """
    by_kpi = {change.kpi: change for change in changes}
    primary = [change.kpi for change in changes if change.primary]
    wanted = [by_kpi[kpi] for kpi in dict.fromkeys([*primary, *CARDS]) if kpi in by_kpi]
    measured = [change for change in wanted if change.verdict != "not measurable"]
    levels = [change.after for change in wanted if change.after.measurable]
    return (measured or levels)[:most]


def next_steps(results: Results) -> list[Step]:
    """Three things to do, most urgent first: what the verdict asks for, data, who is leaving, learning, money."""
    steps = [
        DECISIONS.get(results.verdict.key),
        _mend(results.alerts),
        _call(results.overdue, results.first_calls),
        _learn(results.verdict),
        _mind(results.roi),
        _second_order(results.overdue),
    ]
    return [step for step in steps if step is not None][:3]


def _mend(alerts: pd.DataFrame) -> Step | None:
    grave = alerts[alerts["grade"] == "distorts results"]
    if grave.empty:
        return None
    first = grave.iloc[0]
    return "Mend the data first.", f"{capital(first['what'])}. {capital(first['consequence'])} {first['remedy']}"


def _call(overdue: Finding, first_calls: Finding) -> Step | None:
    if not overdue.measurable or first_calls.n == 0:
        return None
    return (
        f"Get in touch with {count(first_calls.n, 'overdue regular')} first.",
        f"Past three times their usual gap, and worth most: {first_calls.value} in the last 365 days. "
        "They head the list in your private folder.",
    )


def _learn(verdict: Verdict) -> Step | None:
    if verdict.would_tell and verdict.too_small:
        return "Decide by cost.", "This shop is too small to measure a program by its own customers: see above."
    why = "Drawn by lot, some get the program's next offers and some do not: the surest way to tell. Numbers: above."
    return ("Hold out customers at random.", why) if verdict.would_tell else None


def _mind(roi: pd.DataFrame) -> Step | None:
    lift = _break_even(roi)
    if math.isinf(lift):
        return "Make the reward smaller or cheaper.", money_line(roi)
    if lift > 0:
        return f"Find out whether members spend {amount(lift, 'lift', digits=1)} more.", money_line(roi)
    return None


def _second_order(overdue: Finding) -> Step | None:
    if overdue.measurable:
        return None
    return "Win the second order.", "No customer has bought on three different days yet: there are no regulars to lose."


def money_line(roi: pd.DataFrame) -> str:
    """Costs and break-even in one sentence, from tables/roi.csv; nothing without a program, words without costs."""
    rows = roi.set_index("item")
    if rows.empty:
        return ""
    if "total cost" not in rows.index or not rows.loc["total cost", "value"] > 0:
        return "What the program cost is not known: no costs stand in the settings."
    total, lift = rows.loc["total cost"], _break_even(roi)
    cost = f"The program has cost {amount(total['value'], total['unit'])} so far"
    if math.isinf(lift):
        return f"{cost}, more than the whole margin on what members spent: no lift could pay for it."
    if math.isnan(lift):
        return f"{cost}; without a gross margin and members' spending there is no break-even."
    pays = f"{cost}; it pays for itself if members spend {amount(lift, 'lift', digits=1)} more than without it."
    if "return on investment" not in rows.index:
        return pays
    return f"{pays} The return so far: {return_words(*rows.loc['return on investment', ['value', 'low', 'high']])}."


def _break_even(roi: pd.DataFrame) -> float:
    return float(roi.set_index("item")["value"].get("break-even lift", math.nan))
