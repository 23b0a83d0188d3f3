"""What chapter 04 found, and what it says of it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from loyalty_helpers import evaluation
from loyalty_helpers.core import windows as around
from loyalty_helpers.core.findings import Change, Effect, Finding, Verdict
from loyalty_helpers.core.messages import Message, Persons, message
from loyalty_helpers.core.windows import Windows
from loyalty_helpers.evaluation import rungs
from loyalty_helpers.evaluation.money import Money
from loyalty_helpers.evaluation.said import counted, joined, lift, percent, sentence, yes
from loyalty_helpers.evaluation.till import LABELS
from loyalty_helpers.evaluation.trends import placebo_sentence
from loyalty_helpers.evaluation.weeks import missing
from loyalty_helpers.report import evidence
from loyalty_helpers.report.wording import findings as wording


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the chapter found: the windows (None without a launch), the KPIs, every comparison, money and verdict."""

    spans: Windows | None
    changes: list[Change]
    effects: list[Effect]
    money: Money
    verdict: Verdict

    @property
    def headline(self) -> Effect | None:
        return evaluation.headline(self.effects)

    @property
    def till(self) -> Effect:
        """The comparison at the till, the shown one; one that says so where none was made."""
        none = missing(LABELS["calibrated", "orders"], message("till-takes"), rung=3, grade="C")
        return next((one for one in self.effects if one.rung == 3 and one.outcome == "orders"), none)

    @property
    def draw(self) -> Effect | None:
        """The comparison of customers as drawn; None without an assignment."""
        return next((one for one in self.effects if one.rung == 4 and one.outcome == "orders"), None)

    @property
    def trend(self) -> Effect:
        """The whole shop's orders against their trend."""
        return next(one for one in self.effects if one.rung == 2 and one.grade == "D" and one.outcome == "orders")

    @property
    def primary(self) -> Change:
        """The KPI that was named before looking."""
        return next(one for one in self.changes if one.primary)

    @property
    def balance(self) -> pd.DataFrame:
        """How alike joiners and their comparison are; empty where there was none."""
        return self.till.diagnostics.get("balance", pd.DataFrame())

    @property
    def propensity(self) -> pd.DataFrame:
        """Quantiles of the chance to join, of joiners and others; empty where there was none."""
        return self.till.diagnostics.get("propensity", pd.DataFrame())


def windows_said(found: Found) -> Message | list[Message]:
    """The windows, and what is not as it should be with them."""
    spans = found.spans
    if spans is None:
        return message("windows-no-launch")
    if spans.days == 0:
        return [sentence(note) for note in spans.notes]
    if spans.before_start == spans.before_end:
        return message("windows-no-before")
    last = {name: getattr(spans, name) - around.DAY for name in ("before_end", "after_end")}
    facts = {"before-start": spans.before_start, "before-end": last["before_end"], "after-start": spans.after_start,
             "after-end": last["after_end"]}
    return [message("windows-compared", **facts, days=spans.days, matched=yes(spans.season_matched)),
            message("windows-active", days=spans.activity_days), *map(sentence, spans.notes)]


def answer(found: Found) -> list[Message | str]:
    """What stands below the verdict: what was seen, where the verdict's reason does not say it, and that reason."""
    headline = found.headline
    seen = headline is not None and headline.measurable and headline.grade in "DE"
    return [*([wording.sentence(headline)] if seen else []), *found.verdict.because]


def would_tell(found: Found) -> Message | str:
    return found.verdict.would_tell


def planted(truth: Finding, headline: Effect | None) -> Message | str:
    """For a simulated shop: whether the headline holds the truth."""
    if not truth.measurable:
        return ""
    told = message("planted-said", x=truth, lift=lift(truth.estimate))
    if headline is None or headline.rung < 3:
        return told
    held = headline.low <= truth.estimate <= headline.high
    return joined([told, message("planted-held", x=headline, held=yes(held))])


def used(effect: Effect) -> Message:
    """How many members could be compared, and how many could not."""
    told = effect.diagnostics
    if not told:
        return message("used-nobody", x=effect)
    n, others = told["joiners_used"], sum(told["set_aside"].values())
    hidden = others != others
    return message("used", joiners=counted(n, "joiner"), share=percent(n / max(n + others, 1)),
                   others=Persons(0 if hidden else others), hidden=yes(hidden))


def drawn(effect: Effect | None) -> Message | list[Message]:
    """What the draw says, and of those who joined because of it; or how customers are drawn."""
    if effect is None:
        return message("drawn-nobody")
    complier = effect.diagnostics.get("complier")
    known = complier is not None and complier.measurable
    return [wording.sentence(effect), effect.note, *([message("drawn-complier", x=complier)] if known else [])]


def placebos_said(table: pd.DataFrame, effect: Effect, beside: Message) -> list[Message]:
    """What launches that never were show, and what else moved at the real one (`beside`)."""
    return [placebo_sentence(table, effect), beside]


def spending(found: Found) -> Message | str:
    """What the headline's comparison says of spending, which the money does not use: it scatters more than orders."""
    headline = found.headline
    spend = None if headline is None or headline.rung < 3 else rungs.of_spending(headline, found.effects)
    return "" if spend is None else message("spending", x=spend)


def rewarded(unchanged: Finding) -> list[Message]:
    """Who got the rewards, and what to know of that number."""
    return [wording.sentence(unchanged), *([unchanged.note] if unchanged.measurable else [])]


def limits(found: Found) -> Message:
    return evidence.what_it_does_not_show(found.effects)


def error_rates(found: Found, customers: int) -> Message | str:
    """How often the headline's method was right in simulated shops."""
    return evidence.error_rates(found.headline, customers, evidence.study())
