"""Chapter 02: who is loyal, who is leaving, what they will bring, and whom to call."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from loyalty_helpers import forecast
from loyalty_helpers.core import store, windows
from loyalty_helpers.core.findings import NAN, Finding
from loyalty_helpers.core.messages import Message, Number, Persons, message
from loyalty_helpers.core.purchases import FEWEST, span
from loyalty_helpers.customers import actions, cohorts, concentration, drift, levels, migration, rfm, rhythm, score
from loyalty_helpers.customers.buyers import Pace, pace
from loyalty_helpers.report import action_book, call_sheet
from loyalty_helpers.report.chapters import ch04
from loyalty_helpers.report.page import Page
from loyalty_helpers.report.wording import findings as wording

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Customers:
    """Who the customers are at the end of the data: `everyone` (a row each), their `scores` and `rhythms`, and what
    may be told of them: the shop's pace, its groups, segments and regulars, and on how many the revenue rests."""

    as_of: date
    pace: Pace
    everyone: pd.DataFrame
    scores: pd.DataFrame
    rhythms: pd.DataFrame
    activity: pd.DataFrame
    segments: pd.DataFrame
    lateness: pd.DataFrame
    overdue: Finding
    half: Finding
    lorenz: pd.DataFrame

    @property
    def sorted_into(self) -> Message:
        """How many of them fall into how many segments."""
        return rfm.segments_sentence(self.scores)

    @property
    def rfm(self) -> pd.DataFrame:
        """The eleven segments alone."""
        return self.segments[self.segments["scheme"] == "RFM segment"].drop(columns="scheme")

    @property
    def levels(self) -> pd.DataFrame:
        """Loyalty levels and value groups."""
        return self.segments[self.segments["scheme"].isin(["Loyalty level", "Value group"])]


@dataclass(frozen=True)
class Calls:
    """The list of whom to call (`listed`, personal) and what may be told of it."""

    listed: pd.DataFrame
    first: Finding
    worth: Finding
    reach: pd.DataFrame
    sorted_by: Message
    cost: Message | None
    heavy: Message | None
    left_out: Message


class Chapter(Page):
    """What chapter 02 and its appendix compute."""

    def customers(self) -> Customers:
        """Everything told of the customers as they are now."""
        orders, everyone = self.frames["orders"], self.frames["customers"]
        as_of = span(orders).end.date()
        speed = pace(orders, activity_days=windows.activity_window(orders, until=as_of))
        scores = assignments(everyone, self.shop.levels, self.frames.get("referrals"), pace=speed)
        rhythms = rhythm.rhythm(orders, as_of=as_of)
        todo = action_book.load_actions(self.shop.folder)
        segments = levels.segments_table(everyone, scores).merge(todo, on=["scheme", "segment"], how="left")
        return Customers(
            as_of, speed, everyone, scores, rhythms, concentration.activity(everyone, speed.activity_days),
            segments.assign(action=segments["action"].fillna("")), rhythm.lateness(rhythms),
            rhythm.overdue_regulars(rhythms, currency=self.shop.currency)[0], concentration.half_of_revenue(everyone),
            concentration.lorenz(everyone))

    def outlook(self, horizon_days: int, **options: float) -> forecast.Outlook:
        """`forecast.outlook` from the end of the data, in the client's currency and at the client's margin."""
        orders = self.frames["orders"]
        return forecast.outlook(orders, as_of=span(orders).end, horizon_days=horizon_days,
                                gross_margin=self.shop.program.gross_margin, currency=self.shop.currency, **options)

    def calls(self, who: Customers, ahead: forecast.Outlook) -> Calls:
        """Whom to turn to first, without those who must not be contacted."""
        shop, opt_outs = self.shop, self.frames.get("opt_outs")
        money = {"gross_margin": shop.program.gross_margin, "horizon_days": ahead.days}
        listed = actions.action_list(who.everyone, who.scores, who.rhythms, ahead.customers, opt_outs=opt_outs, **money)
        return Calls(
            listed, first_calls(listed, actions.at_stake(listed, shop, horizon_days=ahead.days), shop.currency),
            actions.worth(listed, currency=shop.currency, **money), actions.reach(listed),
            actions.how_sorted(listed, **money), actions.call_cost(listed, shop, horizon_days=ahead.days),
            actions.look_after_sentence(who.everyone, who.rhythms), actions.opted_out(who.everyone, opt_outs))

    def since_last(self, who: Customers, ahead: forecast.Outlook, calls: Calls) -> drift.Drift:
        """What has changed since the last report; keeps the scores of this one for the next."""
        now = drift.scores(who.scores, ahead.customers, horizon_days=ahead.days, total=ahead.total, listed=calls.listed)
        since = drift.since_last(now, self.frames["orders"], self.shop, as_of=who.as_of)
        drift.keep(now, self.shop, as_of=who.as_of)
        return since

    def keep_lists(self, who: Customers, calls: Calls, ahead: forecast.Outlook) -> list[Message]:
        """Keep the list of calls and the page to print in the private folder; what was written."""
        ids, weeks = store.read_ids(self.shop), round(ahead.days / 7)
        said = [calls.sorted_by, rhythm.MEANING, calls.left_out]
        return [*action_book.keep(calls.listed, ids, self.shop, said=said, customers=len(who.scores), weeks=weeks),
                *call_sheet.keep(calls.listed, ids, self.shop, as_of=who.as_of, left_out=calls.left_out)]

    def second_orders(self, who: Customers) -> cohorts.SecondOrder:
        """How soon new customers order again; who is new, by the shop's pace."""
        return cohorts.second_order(self.frames["orders"], as_of=who.as_of, lead_days=who.pace.activity_days)

    def migration(self, who: Customers) -> migration.Migration:
        """Where the customers of before the launch are now."""
        orders = self.frames["orders"]
        return migration.migration(orders, ch04.windows(orders, self.shop), pace=who.pace)


def assignments(customers: pd.DataFrame, rules: Mapping, referrals: pd.DataFrame | None, *, pace: Pace) -> pd.DataFrame:
    """Everything a customer is given: RFM scores and segments, loyalty score, level; one row per scored customer.

    With the shop's own `pace` nobody who bought lately is called gone, and nobody long gone a champion.
    """
    return (rfm.rfm(customers, pace=pace).merge(score.loyalty_score(customers), on="customer_id")
            .merge(levels.levels(customers, rules, referrals), on="customer_id"))


def first_calls(listed: pd.DataFrame, stake: Message | None, currency: str) -> Finding:
    """What the customers at the head of the action list spent in the last 364 days: those worth a call, at most
    `actions.FIRST_CALLS`. The note says what hangs on them in the next weeks, which is far less."""
    first = actions.first(listed)
    return Finding(label=message("first-calls", n=Persons(len(first))), unit=currency, n=len(first),
                   estimate=first["spend_last_year"].sum() if len(first) else NAN,
                   note=stake or message("nobody-to-call"))


# ---------------------------------------------------------------- what it says
def still_there(who: Customers) -> Message:
    """Who is still there."""
    table = who.activity
    n, row = table["customers"].sum(skipna=False), table.set_index("group").loc["active"]
    here = row["customers"]
    if n == 0:
        return message("still-there-nobody")
    if pd.isna(here):
        return message("still-there-hidden")
    share = row["spend_share"]
    return message("still-there", known="yes" if pd.notna(n) else "no", customers=Persons(int(n) if pd.notna(n) else 0),
                   here=Persons(int(here)), did=row["meaning"], share=Number(share, "share", 0),
                   brought="yes" if here and 0 <= share <= 1 else "no")


def leaving(who: Customers) -> Message:
    """Who is leaving, beside what chance alone would show."""
    overdue, n = who.overdue, who.overdue.n
    if not overdue.measurable:
        return message("leaving-unknown", x=overdue)
    late = round(overdue.estimate * n)
    chance = n * who.lateness["by_chance"].iloc[-1] if n >= FEWEST.units and len(who.lateness) else NAN
    return message("leaving", x=overdue, late=Persons(late, of=n), gaps=rhythm.OVERDUE + 1,
                   shared="yes" if n >= FEWEST.units else "no", beside="no" if math.isnan(chance) else "yes",
                   chance=0 if math.isnan(chance) else round(chance))


def first_to_call(calls: Calls) -> Message:
    """What the first customers to call spent, beside what hangs on them."""
    found = calls.first
    return message("first-calls-spent", n=Persons(found.n), x=found) if found.measurable else wording.sentence(found)


def whom_to_call(calls: Calls) -> list[Message | Finding | None]:
    """How the list is sorted, what it is worth, what a call costs, and who is left out."""
    return [calls.sorted_by, wording.sentence(calls.worth), calls.cost, calls.heavy, calls.left_out]
