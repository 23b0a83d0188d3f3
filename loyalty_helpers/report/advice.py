"""Advice: which numbers stand on the first page, and what to do next, by plain rules in one place.

Rules, not judgment: the same results give the same advice, and every sentence is made of numbers found elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from loyalty_helpers.core.findings import Change, Finding, Verdict, amount, capital, count
from loyalty_helpers.evaluation import return_words
from loyalty_helpers.evaluation.payoff import BASES, MEMBER_LIST, RUNNING, SPENDING
from loyalty_helpers.ingest.alerts import GRADES
from loyalty_helpers.report.chapters.ch00 import Results
from loyalty_helpers.report.chapters.ch04 import FIRST_YEAR

Step = tuple[str, str]  # what to do, and why
CARDS = ("retention", "repeat_rate", "frequency", "order_value", "nps")
CHAPTER_LINKS = (
    ("01_data_prep", "Data", "what came, what was kept and why"),
    ("02_scoring", "Customers", "who is loyal, who is leaving, what to do for whom"),
    ("03_case_study_comparison", "Other programs", "published results beside this shop's"),
    ("04_program_evaluation", "Did it work?", "every comparison, what it can show, and the money"),
)


MUCH = 0.5  # a lift that hardly any program reaches: it is for the costs to fall
LIFTED = [words.format("spending") for words, *_ in BASES.values()]  # what a lift is counted on: one row of roi.csv
LOWER = "Lower what the program costs."
# what each verdict asks for
DECISIONS = {
    "works": ("Keep the program.", "Look again in half a year: a lift can fade, and costs can grow."),
    "probably_works": ("Keep the program, and make sure.", "It probably pays; holding some customers out would tell."),
    "costs_more": (LOWER, "Spending rises too little to pay for it: look at every cost, from rewards to hours."),
    "harms": ("Stop enrolling until you know why.", "Members buy less than comparable buyers: ask some of them."),
}
COSTS_UNKNOWN = (
    "Find out what the program costs.",
    "Members buy more; without a gross margin and costs in the settings nobody knows whether that pays.",
)


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
    """Three things to do, most urgent first: what the verdict asks for, data, who is leaving, learning, money.

    Data that make the results about something else come before all; no action stands there twice.
    """
    mend = _mend(results.alerts)
    steps = [
        mend if (results.alerts["grade"] == GRADES[0]).any() else None,
        _decide(results),
        mend,
        _list_members(results),
        _call(results.overdue, results.first_calls),
        _learn(results.verdict),
        _mind(results),
        _second_order(results.overdue),
    ]
    first = {}
    for what, why in filter(None, steps):
        first.setdefault(what, why)
    return list(first.items())[:3]


def _decide(results: Results) -> Step | None:
    key = results.verdict.key
    return COSTS_UNKNOWN if key in ("works", "probably_works") and not results.break_even > 0 else DECISIONS.get(key)


def _mend(alerts: pd.DataFrame) -> Step | None:
    grave = [alert for grade in GRADES[:2] for alert in alerts[alerts["grade"] == grade].to_dict("records")]
    if not grave:
        return None
    first = grave[0]
    return "Mend the data first.", f"{capital(first['what'])}. {capital(first['consequence'])} {first['remedy']}"


def _list_members(results: Results) -> Step | None:
    told = results.headline is not None and results.headline.rung >= 3
    if told or not math.isnan(_value(results.roi, "members", 0.0)):  # missing in the costs only without the list
        return None
    why = "Without it members cannot be compared with comparable buyers, and their rewards cannot be counted."
    return "Supply the member list with dates of joining.", why


def _call(overdue: Finding, first_calls: Finding) -> Step | None:
    if not overdue.measurable or first_calls.n == 0:
        return None
    late, spent, them, head = (("That one is", "That customer", "that one", "heads") if first_calls.n == 1 else
                               ("They are", "They", "them", "head"))
    stake = f"; {first_calls.note} hangs on {them}" if first_calls.note else ""
    return (
        f"Get in touch with {count(first_calls.n, 'customer')} first.",
        f"{late} late for the next order, and worth most. {spent} spent {first_calls.value} in the last 364 days"
        f"{stake}. {them.capitalize() if first_calls.n == 1 else 'They'} {head} the list in your private folder.",
    )


def _learn(verdict: Verdict) -> Step | None:
    if verdict.would_tell.startswith("Go on with the draw"):
        return "Go on with the draw.", "Nobody held out should get the offers before the time is over."
    if verdict.would_tell and verdict.too_small:
        return "Decide by cost.", "This shop is too small to measure a program by its own customers: see above."
    why = "Drawn by lot, some get the program's next offers and some do not: the surest way to tell. Numbers: above."
    return ("Hold out customers at random.", why) if verdict.would_tell else None


def _mind(results: Results) -> Step | None:
    """What the bar asks for. A young program is held to its running costs where the launch puts the bar too high."""
    verdict, lift, what = results.verdict, _value(results.roi, "break-even lift"), "pay for itself"
    if lift > MUCH and _value(results.roi, "months") < FIRST_YEAR:
        lift, what = _value(results.roi, RUNNING), "pay for its running costs"
    if lift > MUCH and verdict.key in ("cannot_tell", "costs_more"):
        return LOWER, "Hardly any program lifts spending by as much as these costs ask for."
    if lift > 0 and verdict.key == "cannot_tell" and not verdict.too_small:
        return (f"Find out whether spending rises by {amount(lift, 'lift', digits=1)}.",
                f"Only then does the program {what}; what is known so far leaves it open.")
    return None


def _second_order(overdue: Finding) -> Step | None:
    if overdue.measurable or "three different days" not in overdue.note:
        return None
    return "Win the second order.", f"{capital(overdue.note)}: there are no regulars to lose."


def money_line(roi: pd.DataFrame) -> str:
    """Costs and break-even in one sentence, from tables/roi.csv; nothing without a program, words without costs."""
    rows = roi.set_index("item")
    if rows.empty:
        return ""
    unlisted = math.isnan(_value(roi, "rewards", 0.0))
    if not _value(roi, "total cost") > 0:
        why = f"rewards cannot be counted without {MEMBER_LIST}, and no other costs stand" if unlisted else (
            "no costs stand")
        return f"What the program cost is not known: {why} in the settings."
    total, lift = rows.loc["total cost"], _value(roi, "break-even lift")
    cost = f"The program has cost {amount(total['value'], total['unit'])} so far"
    if unlisted:
        return f"{cost}, rewards left out: without {MEMBER_LIST} they cannot be counted, and there is no break-even."
    if math.isnan(lift):
        return f"{cost}; {_no_break_even(roi)}."
    running = _value(roi, RUNNING)
    apart = 0 < running < lift and _value(roi, "months") < FIRST_YEAR
    if math.isinf(lift):
        yet = (f" yet. Without the launch cost it pays for itself if spending is {amount(running, 'lift', digits=1)} "
               "higher than without it") if apart else ""
        return f"{cost}: its costs are more than the whole margin on what was spent, so no lift could pay for it{yet}."
    without = f" ({amount(running, 'lift', digits=1)} without the launch cost)" if apart else ""
    least = amount(lift, "lift", digits=1)
    pays = f"{cost}; it pays for itself if spending is {least} higher than without it{without}."
    if math.isnan(_value(roi, "return on investment")):
        return pays
    return f"{pays} The return so far: {return_words(*rows.loc['return on investment', ['value', 'low', 'high']])}."


def _no_break_even(roi: pd.DataFrame) -> str:
    lifted = next((item for item in LIFTED if item in roi["item"].tolist()), SPENDING)
    if math.isnan(_value(roi, lifted, 0.0)):
        return f"without {MEMBER_LIST} there is no break-even"
    if _value(roi, "members") == 0:
        return "nobody had joined by the end of the orders, so there is no break-even"
    for item in (SPENDING, lifted):
        if _value(roi, item) <= 0:
            return f"{item}, less refunds, is not above 0, so there is no break-even"
    return "without a gross margin in the settings there is no break-even"


def _value(roi: pd.DataFrame, item: str, default: float = math.nan) -> float:
    return float(roi.set_index("item")["value"].get(item, default))
