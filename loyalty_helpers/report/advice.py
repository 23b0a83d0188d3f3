"""Advice: which numbers stand on the first page, and what to do next, by plain rules in one place.

Rules, not judgment: the same results give the same advice, and every sentence is made of numbers found elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from loyalty_helpers.core.findings import Change, Finding, Verdict, digits_for
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.ingest.alerts import GRADES
from loyalty_helpers.report.chapters.ch04 import FIRST_YEAR

if TYPE_CHECKING:
    from loyalty_helpers.report.chapters.ch00 import Money, Results

Step = tuple[Message, Message]  # what to do, and why
CARDS = ("retention", "repeat_rate", "frequency", "order_value", "nps")
MUCH = 0.5  # a lift that hardly any program reaches: it is for the costs to fall
# what each verdict asks for
DECISIONS = {"works": "keep", "probably_works": "make-sure", "costs_more": "lower", "harms": "stop"}


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
        _mind(results.verdict, results.money),
        _second_order(results.overdue),
    ]
    first = {}
    for what, why in filter(None, steps):
        first.setdefault(what.key, (what, why))
    return list(first.values())[:3]


def _step(name: str, *, why: str = "") -> Step:
    return message(f"step-{name}"), message(f"step-{why or name}-why")


def _decide(results: Results) -> Step | None:
    key = results.verdict.key
    if key in ("works", "probably_works") and not results.break_even > 0:
        return _step("costs")
    return _step(DECISIONS[key]) if key in DECISIONS else None


def _mend(alerts: pd.DataFrame) -> Step | None:
    grave = [alert for grade in GRADES[:2] for alert in alerts[alerts["grade"] == grade].to_dict("records")]
    if not grave:
        return None
    return message("step-mend"), message("step-mend-why", **{
        name: grave[0][name] for name in ("what", "consequence", "remedy")})


def _list_members(results: Results) -> Step | None:
    told = results.headline is not None and results.headline.rung >= 3
    return None if told or not (results.money.known and math.isnan(results.money.members)) else _step("list")


def _call(overdue: Finding, first_calls: Finding) -> Step | None:
    if not overdue.measurable or first_calls.n == 0:
        return None
    n = Persons(first_calls.n)
    return message("step-call", n=n), message(
        "step-call-why", n=n, spent=Number(first_calls.estimate, first_calls.unit), stake=first_calls.note,
        **{"at-stake": "yes" if first_calls.note else "no"})


def _learn(verdict: Verdict) -> Step | None:
    if not verdict.would_tell:
        return None
    return _step("go-on" if verdict.drawing else "by-cost" if verdict.too_small else "hold-out")


def _mind(verdict: Verdict, money: Money) -> Step | None:
    """What the bar asks for. A young program is held to its running costs where the launch puts the bar too high."""
    lift, running = money.lift, money.lift > MUCH and money.months < FIRST_YEAR
    if running:
        lift = money.running
    if lift > MUCH and verdict.key in ("cannot_tell", "costs_more"):
        return _step("lower", why="lower-much")
    if lift > 0 and verdict.key == "cannot_tell" and not verdict.too_small:
        return (message("step-find-out", lift=Number(lift, "lift", digits=1)),
                message("step-find-out-why", running="yes" if running else "no"))
    return None


def _second_order(overdue: Finding) -> Step | None:
    nobody = isinstance(overdue.note, Message) and overdue.note.key == "nobody-on-three-days"
    if overdue.measurable or not nobody:
        return None
    return message("step-second-order"), message("step-second-order-why", x=overdue)


def money_line(money: Money) -> list[Message]:
    """Costs and break-even; nothing without a program, words without costs."""
    if not money.known:
        return []
    if not money.total > 0:
        return [message("money-unknown-unlisted" if money.unlisted else "money-unknown")]
    cost = Number(money.total, money.unit)
    if money.unlisted:
        return [message("money-unlisted", cost=cost)]
    if math.isnan(money.lift):
        return [message("money-no-bar", cost=cost, why=_no_break_even(money))]
    apart = 0 < money.running < money.lift and money.months < FIRST_YEAR
    facts = {"cost": cost, "apart": "yes" if apart else "no", "running": Number(money.running, "lift", digits=1)}
    if math.isinf(money.lift):
        return [message("money-never", **facts)]
    pays = message("money-pays", lift=Number(money.lift, "lift", digits=1), **facts)
    return [pays] if math.isnan(money.returned[0]) else [pays, _returned(*money.returned)]


def _no_break_even(money: Money) -> str:
    if math.isnan(money.lifted):
        return "unlisted"
    if money.members == 0:
        return "nobody"
    return "joining" if money.spending <= 0 else money.base if money.lifted <= 0 else "margin"


def _returned(value: float, low: float, high: float) -> Message:
    digits = digits_for(low, high, "lift")
    x, low_end, high_end = (message("money-beyond") if end == -math.inf else
                            Number(end, "lift", digits=digits, signed=True) for end in (value, low, high))
    return message("money-return", x=x, low=low_end, high=high_end, bounded="no" if math.isnan(low) else "yes")
