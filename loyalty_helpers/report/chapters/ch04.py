"""Chapter 04: before and after, the ladder of evidence, the money, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from loyalty_helpers import evaluation
from loyalty_helpers.core import findings
from loyalty_helpers.core import windows as around
from loyalty_helpers.core.findings import NAN, Change, Effect, Finding, Verdict
from loyalty_helpers.core.messages import Message, message
from loyalty_helpers.core.settings import Client
from loyalty_helpers.core.windows import Windows
from loyalty_helpers.customers import scoring, tables
from loyalty_helpers.evaluation import driver_analysis, kpis, power, rungs, segments, till, trends
from loyalty_helpers.evaluation.driver_analysis import drivers_sentence as drivers_said
from loyalty_helpers.evaluation.driver_analysis import key_drivers_sentence as key_drivers_said
from loyalty_helpers.evaluation.money import Money, break_even_curve, money
from loyalty_helpers.evaluation.panel import USABLE
from loyalty_helpers.evaluation.power import can_know_sentence as can_know
from loyalty_helpers.evaluation.said import joined, lift
from loyalty_helpers.evaluation.weeks import NO_LAUNCH, first_joining
from loyalty_helpers.ingest import themes
from loyalty_helpers.report import evidence
from loyalty_helpers.report.chapters import ch04_tables as shown
from loyalty_helpers.report.chapters.ch04_said import (
    Found,
    answer,
    drawn,
    error_rates,
    limits,
    placebos_said,
    planted,
    rewarded,
    spending,
    used,
    windows_said,
    would_tell,
)
from loyalty_helpers.report.comments import mentions_said
from loyalty_helpers.report.page import Page
from loyalty_helpers.report.wording import findings as wording

__all__ = ["Chapter", "Found", "answer", "can_know", "drawn", "drivers_said", "error_rates", "judge",
           "key_drivers_said", "limits", "measure", "mentions_said", "placebos_said", "planted", "rewarded",
           "spending", "used", "windows", "windows_said", "would_tell"]

Frames = Mapping[str, pd.DataFrame]
VERDICT_LEVEL = 0.95  # the verdict is that of 95 % intervals, whatever level a chapter shows
FIRST_YEAR = 12  # months in which a launch that is not yet paid back is no reason to condemn a program


class Chapter(Page):
    """What the chapter computes of the client's tables."""

    how_read, ends = message("comments-read"), message("money-ends")

    def found(self, confidence: float) -> Found:
        """The windows, before any result is seen; then every comparison, the money and the verdict.

        Money and verdict rest on what readers may see of the comparisons: they would tell the rest.
        """
        spans = windows(self.frames["orders"], self.shop)
        effects = self.seen(evaluation.ladder(self.frames, self.shop.program, spans, confidence=confidence))
        paid = money(self.frames, self.shop, evaluation.headline(effects))
        return Found(spans=spans, effects=effects, money=paid, verdict=judge(effects, self.frames, self.shop, paid),
                     changes=self.seen(measure(self.frames, spans, self.shop, confidence=confidence)))

    @property
    def launch(self) -> dict:
        return {"launched_on": self.shop.program.launched_on}

    def power(self, found: Found) -> pd.DataFrame:
        """`power.power_table` of the client: what each design could find, with the joiners there are."""
        nobody = self.shop.program.joining == "everyone" or first_joining(self.frames).empty
        usable = None if nobody else 0
        if not nobody and self.launch["launched_on"] is not None:
            usable = int((till.joiners(self.frames, **self.launch) == USABLE).sum())
        retention = next(one for one in found.changes if one.kpi == "retention")
        return self.seen(power.power_table(self.frames, **self.launch, effects=found.effects, usable_joiners=usable,
                                           retention=retention.before), "power")

    def as_table(self, name: str, *found: Any, note: Message | None = None, **facts: str) -> None:
        """The table that `ch04_tables` makes under this name of what was `found`."""
        made = getattr(shown, name)(*(self.seen(one, name) for one in found))
        self.table(made, name, note=note, **facts)

    def rungs(self) -> pd.DataFrame:
        """What the data allow, and what is missing for more."""
        return evaluation.rungs_allowed(self.frames, self.shop)

    def truth(self) -> Finding:
        """The lift that was planted in a simulated shop."""
        return evidence.planted(self.shop)

    def since_joining(self, found: Found) -> pd.DataFrame:
        """The lift by weeks since joining, where the comparison at the till could be made; else empty."""
        if not found.till.measurable:
            return pd.DataFrame(columns=["first", "last", "estimate", "low", "high", "joiners"])
        return till.since_joining(self.frames["orders"], self.frames["members"], **self.launch,
                                  confidence=found.till.confidence)

    def trend_fit(self) -> pd.DataFrame:
        return trends.trend_fit(self.frames["orders"], **self.launch)

    def placebos(self, confidence: float) -> pd.DataFrame:
        return trends.placebo_launches(self.frames["orders"], **self.launch, confidence=confidence)

    def at_launch(self) -> Message:
        return trends.at_launch_sentence(trends.at_launch(self.frames["orders"], **self.launch))

    def targets(self, found: Found) -> pd.DataFrame:
        """KPIs against the client's targets."""
        return kpis.against_thresholds(found.changes, self.shop.thresholds)

    def channels(self, found: Found) -> pd.DataFrame:
        """KPIs by channel; empty without a launch."""
        return (pd.DataFrame(columns=["channel"]) if found.spans is None else
                kpis.by_channel(self.frames, found.spans, currency=self.shop.currency))

    def traps(self, found: Found) -> pd.DataFrame:
        """Empty without a launch, where nothing is compared that could mislead."""
        return pd.DataFrame(columns=["check"]) if found.spans is None else kpis.traps(self.frames, found.spans)

    def activity_stress(self, found: Found) -> pd.DataFrame:
        """Retention under other activity windows; empty without a launch."""
        return (pd.DataFrame(columns=["activity_days"]) if found.spans is None else
                kpis.activity_stress(self.frames, found.spans))

    def drivers(self, confidence: float) -> pd.DataFrame:
        return driver_analysis.drivers(self.frames, scales=self.shop.scales, confidence=confidence)

    def key_drivers(self, confidence: float) -> pd.DataFrame:
        return driver_analysis.key_drivers(self.frames.get("survey"), scales=self.shop.scales, confidence=confidence)

    def asked(self, about: str, confidence: float) -> dict[str, pd.DataFrame]:
        """Of each question what its comments mention ("comments"), or what was chosen ("choices")."""
        counted = self.frames.get("themes" if about == "comments" else about)
        asked = themes.by_question(counted, confidence=confidence)
        return {question: self.seen(rows, about) for question, rows in asked.items()}

    def curve(self, found: Found) -> pd.DataFrame:
        return break_even_curve(self.frames, self.shop, found.headline)

    def groups(self, found: Found) -> pd.DataFrame:
        """Members by what they bought before joining, with each group's own lift where there are joiners enough."""
        lifts = {} if not found.till.measurable else till.by_group(
            self.frames["orders"], self.frames["members"], segments.segments(self.frames, self.shop), **self.launch,
            confidence=found.till.confidence)
        return segments.by_segment(self.frames, self.shop, lifts)

    def unchanged(self, confidence: float) -> Finding:
        """The share of rewards that went to members who bought no more often than before."""
        return segments.rewards_to_unchanged(self.frames, self.shop, confidence=confidence)

    def definitions(self) -> pd.DataFrame:
        return kpis.definitions()

    def keep_all(self, found: Found) -> None:
        """Keep the chapter's results, and hand them on."""
        self.keep("kpis", kpis.table(found.changes))
        self.keep("effects", evaluation.effects_table(found.effects))
        self.keep("roi", found.money.roi_table)
        self.hand_on("verdict", {"verdict": found.verdict, "changes": found.changes, "effects": found.effects,
                                 "break_even": found.money.break_even})


# ---------------------------------------------------------------- what it finds
def windows(orders: pd.DataFrame, shop: Client) -> Windows | None:
    """The windows to compare, None without a launch date."""
    launch = shop.program.launched_on
    return None if launch is None else around.windows(orders, launched_on=launch, gap_days=shop.program.gap_days)


def measure(frames: Frames, spans: Windows | None, shop: Client, *, confidence: float = 0.95) -> list[Change]:
    """Every KPI as a change; without a launch its level in the last year stands in `after` and nothing is compared."""
    options = {"currency": shop.currency, "scales": shop.scales, "confidence": confidence}
    if spans is None:
        levels = kpis.levels(frames, *around.last_year(frames["orders"]), **options)
        return [_level_only(kpi, level, primary=kpi == shop.primary_kpi) for kpi, level in levels.items()]
    return kpis.compare(frames, spans, primary=shop.primary_kpi, extra=_index_changes(frames, spans), **options)


def _level_only(kpi: str, level: Finding, *, primary: bool) -> Change:
    nothing = Finding(label=level.label, unit=level.unit, estimate=NAN, n_noun=level.n_noun, note=NO_LAUNCH)
    return Change(kpi=kpi, label=level.label, unit=level.unit, estimate=NAN, n=level.n, n_noun=level.n_noun,
                  before=nothing, after=level, primary=primary, note=NO_LAUNCH, confidence=level.confidence)


def _index_changes(frames: Frames, spans: Windows) -> list[Change]:
    """The loyalty index and its two parts, both waves scored against the customers before."""
    both = [_wave_customers(frames, start, end) for start, end in ((spans.before_start, spans.before_end),
                                                                   (spans.after_start, spans.after_end))]
    return [scoring.index_change(*both, part=part) for part in ("score", "behavior", "attitude")]


def _wave_customers(frames: Frames, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    orders, survey = frames["orders"], frames.get("survey")
    inside = orders[(orders["ordered_at"] >= start) & (orders["ordered_at"] < end)]
    answers = None if survey is None else survey[survey["answered_at"] < end]
    return scoring.with_survey(tables.customers(inside, as_of=end.date()), answers)


def judge(effects: Sequence[Effect], frames: Frames, shop: Client, paid: Money) -> Verdict:
    """`findings.verdict` of the headline, and what else the table says of it.

    A shop without a launch is told that there is no program to judge. In its first year a program that covers its
    running costs is not condemned for its launch. Members who buy more often but spend no more are no success.
    """
    judged, program = effects, shop.program
    if any(one.headline and one.confidence != VERDICT_LEVEL for one in effects):
        judged = evaluation.ladder(frames, program, windows(frames["orders"], shop), confidence=VERDICT_LEVEL)
    headline, would_tell = evaluation.headline(judged), rungs.would_tell(frames, shop)
    verdict = replace(
        findings.verdict(headline, break_even=paid.break_even, why_not=rungs.why_not(frames, program, judged),
                         would_tell=would_tell),
        too_small=rungs.too_small(frames["orders"]), drawing=rungs.draw_goes_on(frames, shop))
    if program.launched_on is None:
        return replace(verdict, words=message("verdict-no-launch-words"), sentence=message("verdict-no-launch"))
    if headline is None:
        return verdict
    doubt = _too_early(verdict, headline, paid) or _no_more_spent(verdict, headline, judged, paid)
    if doubt:
        verdict = replace(verdict, key="cannot_tell", words=message("verdict-cannot-tell-words"), sentence=doubt,
                          would_tell=would_tell)
    unpaid = (None if paid.break_even != 0 else "margin" if not program.gross_margin else
              "costs" if not paid.value("total") > 0 else "bar")
    return replace(verdict, because=(*verdict.because, *_reservations(verdict, headline, judged, unpaid)))


def _too_early(verdict: Verdict, headline: Effect, paid: Money) -> Message | None:
    covered = headline.estimate >= paid.running_break_even
    if verdict.key != "costs_more" or paid.months >= FIRST_YEAR or not covered:
        return None
    return message("verdict-too-early", x=headline)


def _no_more_spent(verdict: Verdict, headline: Effect, effects: Sequence[Effect], paid: Money) -> Message | None:
    if verdict.key not in ("works", "probably_works"):
        return None
    if paid.value("spending") <= 0:
        return message("verdict-no-money", x=headline)
    spend = rungs.of_spending(headline, effects)
    if spend is None or spend.refused or not spend.high < paid.break_even:
        return None
    return message("verdict-no-more-spent", x=headline, spend=spend)


def _reservations(verdict: Verdict, headline: Effect, effects: Sequence[Effect], unpaid: str | None) -> list[Message]:
    """What belongs beside the verdict's own reason: money that is not known, a lift hard to believe, a draw wasted."""
    positive, said = verdict.key in ("works", "probably_works"), []
    drawn = next((one for one in effects if one.rung == 4 and one is not headline), None)
    if positive and unpaid:
        said.append(message(f"unpaid-{unpaid}"))
    if positive and headline.estimate > till.IMPLAUSIBLE:
        said.append(message("implausible", lift=lift(headline.estimate, headline.digits)))
    wasted = drawn is not None and (drawn.refused or not drawn.measurable)
    if wasted and not verdict.would_tell:
        said.append(message("draw-wasted", x=drawn))
    if headline.rung == 3:
        said.append(joined(headline.diagnostics.get("reservations", []), "till-reservations", "semicolon"))
    if drawn is not None and not wasted and headline.rung < 4:
        said.append(message("draw-alone", since=drawn.label.facts["since"], said=wording.sentence(drawn)))
    return [one for one in said if one]
