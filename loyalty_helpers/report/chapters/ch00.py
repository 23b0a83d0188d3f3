"""Chapter 00: everything the other chapters found, read back for the answer on one page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from loyalty_helpers import evaluation
from loyalty_helpers.core import store
from loyalty_helpers.core.findings import NAN, Change, Effect, Finding, Verdict
from loyalty_helpers.core.messages import Message
from loyalty_helpers.evaluation import kpis
from loyalty_helpers.report import advice, evidence
from loyalty_helpers.report.page import Page

OTHERS = ("01_data_prep", "02_scoring", "03_case_study_comparison", "04_program_evaluation")
# what a lift is counted on, by whose spending it is: rows of tables/roi.csv
BASES = {"after": "members' spending after the day of joining", "everyone": "spending of everyone offered the program"}


@dataclass(frozen=True, kw_only=True)
class Money:
    """What the summary tells of tables/roi.csv; numbers are missing where it has no such row.

    `lift` is the break-even lift, `running` that without the launch cost; `rewards` and `members` are missing too where
    there is no member list. `base` is what a lift is counted on, a key of BASES, and `lifted` how much that is.
    """

    unit: str = ""
    total: float = NAN
    months: float = NAN
    members: float = NAN
    rewards: float = NAN
    spending: float = NAN
    lift: float = NAN
    running: float = NAN
    returned: tuple[float, float, float] = (NAN, NAN, NAN)  # on the costs, with its interval
    base: str = "joining"
    lifted: float = NAN
    known: bool = False  # whether there is a program that could cost anything

    @property
    def unlisted(self) -> bool:
        """Whether members could not be counted, for want of a list."""
        return self.known and math.isnan(self.rewards)


@dataclass(frozen=True, kw_only=True)
class Results:
    """What the chapters left for the summary."""

    verdict: Verdict
    changes: list[Change]
    effects: list[Effect]
    break_even: float
    roi: pd.DataFrame
    overdue: Finding
    first_calls: Finding
    alerts: pd.DataFrame
    ledger: str | Message

    @property
    def headline(self) -> Effect | None:
        return evaluation.headline(self.effects)

    @property
    def money(self) -> Money:
        return money_of(self.roi)


class Chapter(Page):
    """The summary: what chapters 01, 02 and 04 handed on."""

    reads = False
    others = OTHERS

    def results(self) -> Results:
        """Everything the summary tells."""
        return Results(**self.handed("verdict"), **self.handed("scoring"), ledger=self.handed("ledger")["sentence"],
                       **{name: store.read_result(self.shop, name) for name in ("roi", "alerts")})

    def truth(self) -> float:
        """The lift that was planted in a simulated shop; missing in a real one."""
        return evidence.planted(self.shop).estimate

    def facts(self, results: Results, provenance: Mapping) -> dict[str, Any]:
        """results.json: client, verdict, verdict_sentence, headline, cross_check, money, kpis, provenance."""
        headline = results.headline
        beside = [] if headline is None else [
            one for one in results.effects
            if (one.rung, one.outcome) == (headline.rung, headline.outcome) and not one.headline and headline.rung >= 3]
        first, second = (next(iter(evaluation.effects_table(some).to_dict("records")), None)
                         for some in ([headline] if headline is not None else [], beside[:1]))
        return {"client": self.shop.key, "verdict": results.verdict.key, "verdict_sentence": results.verdict.sentence,
                "headline": first, "cross_check": second, "money": results.roi.to_dict("records"),
                "kpis": kpis.table(results.changes).to_dict("records"), "provenance": provenance}


def money_of(roi: pd.DataFrame) -> Money:
    """The rows of tables/roi.csv that the summary tells."""
    if roi.empty:
        return Money()
    rows = roi.set_index("item")
    value = rows["value"].to_dict()
    base = next((name for name, item in BASES.items() if item in value), "joining")
    spending = value.get("members' spending since joining", NAN)
    back = rows.loc["return on investment", ["value", "low", "high"]] if "return on investment" in value else (NAN,) * 3
    return Money(
        known=True, unit=rows["unit"].get("total cost", ""), total=value.get("total cost", NAN),
        months=value.get("months", NAN), members=value.get("members", 0.0), rewards=value.get("rewards", 0.0),
        lift=value.get("break-even lift", NAN), running=value.get("break-even lift without the launch cost", NAN),
        spending=spending, returned=tuple(map(float, back)), base=base, lifted=value.get(BASES.get(base), spending))


# ---------------------------------------------------------------- what it says
def next_steps(results: Results) -> list[tuple[Message, Message]]:
    return advice.next_steps(results)


def cards(results: Results) -> list[Finding]:
    return advice.cards(results.changes)


def money(results: Results) -> list[Message]:
    return advice.money_line(results.money)


def limits(results: Results) -> str | Message:
    return evidence.limits(results.effects)


def ledger(results: Results) -> str | Message:
    return results.ledger
