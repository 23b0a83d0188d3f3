"""Migration: where the customers of before the launch are afterwards, on one and the same yardstick.

Both windows are scored against the customers of the earlier one: ranked anew, as many would always be "best". Heavy
buyers fall back and light ones catch up by chance alone (regression to the mean), with a program or without; so the
same table is made one span earlier, where there was no program, and what counts is the difference between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.findings import NAN, Change, Finding, amount, capital, count
from loyalty_helpers.core.intervals import Share, holm, newcombe
from loyalty_helpers.core.settings import Client
from loyalty_helpers.core.windows import Windows
from loyalty_helpers.customers import tables
from loyalty_helpers.customers.scoring import CONFIDENCE, SEGMENTS, Pace, buyers, rfm_scores, segment_names, share_of
from loyalty_helpers.report import gate as privacy

GROUPS = ("Best", "Regular", "Occasional", "Once")  # best first
BEST, REGULAR = 9, 6  # frequency score + money score from which a customer counts as such
AWAY = "Did not buy"
# By so much such shares differ from one span to the next in shops without a program, because customers grow older with
# the data and seasons differ: 2.7 points in 60 simulated shops of 4,000, a third of which would else show a "change"
AGEING = 0.03
FEWEST = 30  # customers of the window before: below this their moves say more of chance than of customers
COLUMNS = ["before", "after", "customers", "share", "low", "high"]
NO_LAUNCH = "there is no launch date, and so no before and after to compare"
BY_NOBODY = "nobody bought in the window before the launch"


@dataclass(frozen=True)
class Migration:
    """Where customers went: `groups` (GROUPS) and `segments` (the eleven) have a row for each way from before to after.

    Their columns: before, after, customers, share (of the customers with the same `before`), low, high (Wilson).
    AWAY stands for no order in that window. `sizes`: group, customers, orders, spend (typical: medians), of the
    customers before. `moves` are shares of the customers before, each set against the same share one span earlier
    (`Change.before`, not measurable where the orders do not reach back). `why` says what is missing; "" where nothing.
    """

    groups: pd.DataFrame
    segments: pd.DataFrame
    sizes: pd.DataFrame
    moves: list[Change]
    days: int = 0
    why: str = ""

    @property
    def sentence(self) -> str:
        """Where the customers of before went, in words."""
        levels = {change.kpi: change.after for change in self.moves}
        if self.why == NO_LAUNCH:  # a shop without a program lacks nothing
            return f"{capital(self.why)}."
        if not levels:
            return f"Where the customers of before the launch went cannot be told: {self.why}."
        if not all(levels[move].measurable for move in MOVES):
            return f"Where the customers of before the launch went is not shown: {levels['stopped'].note}."
        n = levels["stopped"].n
        few = n < FEWEST
        up, stayed, down, stopped = (
            str(round(levels[move].estimate * n)) if few else amount(levels[move].estimate, "share", digits=0)
            for move in MOVES)
        told = (f"Of the {count(n, 'customer')} who bought in the window before the launch, {up} moved up a group in "
                f"the window after it ({count(self.days, 'day')} each), {stayed} stayed, {down} moved down, and "
                f"{stopped} did not buy.")
        return told + (f" They are too few to speak of shares: that takes {FEWEST} customers." if few else "")

    @property
    def comparison(self) -> str:
        """The same a span earlier, where there was no program: what moves by itself."""
        told = [change for change in self.moves if change.verdict != "not measurable"]
        if not self.moves:
            return ""
        if not told:
            reason = self.why or self.moves[0].note
            return (f"How much of such moves is ordinary coming and going cannot be told: {reason}. Heavy buyers fall "
                    "back and light ones catch up by chance alone.")
        usual = ", ".join(f"{amount(change.before.estimate, 'share', digits=0)} {change.kpi}" for change in told
                          if change.kpi in MOVES).replace("stopped", "did not buy")
        moved = [_in_words(change) for change in told if change.verdict != "no evidence"]
        seen = " ".join(moved) or "No evidence that customers moved otherwise than they do by themselves."
        return f"One span earlier, without a program: {usual}. {seen}"

    @property
    def details(self) -> str:
        """Each move against the span earlier; "" where there is nothing to compare with."""
        return " ".join(_in_words(change) for change in self.moves if change.verdict != "not measurable")


def _in_words(change: Change) -> str:
    """A move against the span earlier: not `Change.sentence`, whose "before" would be taken for before the launch."""
    was, now = (amount(level.estimate, "share", digits=change.digits) for level in (change.before, change.after))
    among = "" if change.low <= 0 <= change.high else ", allowing for the number of moves looked at"
    verdict = {"up": "more than usual", "down": "less than usual"}.get(
        change.verdict, f"no evidence of a difference{among}")
    return (f"{capital(change.label)}: {was} one span earlier, {now} around the launch ({change.change}, "
            f"{change.level} interval {change.interval}): {verdict}.")


def published(found: Migration, shop: Client) -> Migration:
    """`found` as the client's audience may see it; where one move is hidden all are, or it could be worked out."""
    told = privacy.told(found.moves, shop)
    if any(was.after.measurable and not now.after.measurable for was, now in zip(found.moves, told, strict=True)):
        told = [replace(one, estimate=NAN, low=NAN, high=NAN, p_value=NAN, p_adjusted=NAN, note=privacy.NOT_SHOWN,
                        **{when: replace(getattr(one, when), estimate=NAN, low=NAN, high=NAN, n=0,
                                         note=privacy.NOT_SHOWN) for when in ("before", "after")}) for one in told]
    return replace(found, moves=told, sizes=privacy.published(found.sizes, shop),
                   groups=privacy.published(found.groups, shop, within=["before"]),
                   segments=privacy.published(found.segments, shop, within=["before"]))


# move -> the label of its share
MOVES = {"moved up": "share of customers who moved up a group",
         "stayed": "share of customers who stayed in their group",
         "moved down": "share of customers who moved down a group",
         "stopped": "share of customers who did not buy in the later window"}
BEST_AGAIN = "best again"


def migration(orders: pd.DataFrame, spans: Windows | None, *, pace: Pace | None = None) -> Migration:
    """The way of each customer from the window before the launch to that after it, see `Migration`.

    Groups by the sum of frequency and money score: best from 9 of 10, regular from 6, occasional below; who ordered
    once in a window is "once" whatever it cost. The intervals of the changes are Newcombe's, widened by AGEING on both
    sides; customers of both spans make them slightly too wide. Holm's adjustment over all moves. The shop's `pace`
    bounds the recency scores of the eleven segments, as in `scoring.rfm`; there are none below FEWEST customers of
    before.
    """
    if spans is None:
        return _nothing(NO_LAUNCH)
    if spans.days == 0 or spans.before_end <= spans.before_start:
        return _nothing(spans.note or "there is nothing before the launch")
    shift = spans.after_start - spans.before_start
    wave = _wave(orders, spans.before_start, spans.before_end)
    was = scored_against(wave, wave, pace=pace)
    now = scored_against(_wave(orders, spans.after_start, spans.after_end), wave, pace=pace)
    if was.empty:
        return _nothing(BY_NOBODY)
    reach = spans.before_start - shift
    why = "" if reach >= spans.data_start else (
        f"it would take orders from {reach:%Y-%m-%d} on, and they begin on {spans.data_start:%Y-%m-%d}")
    usual = _moves(None, None)
    if not why:
        first = _wave(orders, reach, spans.before_end - shift)
        usual = _moves(scored_against(first, first), scored_against(wave, first))
    sizes = buyers(wave).assign(group=was["group"]).groupby("group").agg(
        customers=("orders", "size"), orders=("orders", "median"), spend=("spend", "median"))
    sizes = sizes.assign(orders=np.floor(sizes["orders"] + 0.5).astype("int64"))  # there are no half orders
    sizes = sizes.reindex([group for group in GROUPS if group in sizes.index]).reset_index()
    few = len(was) < FEWEST
    segments = pd.DataFrame(columns=COLUMNS) if few else transitions(was, now, "segment", tuple(SEGMENTS))
    return Migration(transitions(was, now, "group", GROUPS), segments, sizes, _changes(usual, _moves(was, now), why),
                     spans.days, why)


def _nothing(why: str) -> Migration:
    empty = pd.DataFrame(columns=COLUMNS)
    return Migration(empty, empty, pd.DataFrame(columns=["group", "customers", "orders", "spend"]), [], 0, why)


def _wave(orders: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The `customers` of one window [start, end), counted to its end."""
    inside = orders[(orders["ordered_at"] >= start) & (orders["ordered_at"] < end)]
    return tables.customers(inside, as_of=end.date())


def scored_against(customers: pd.DataFrame, reference: pd.DataFrame, *, pace: Pace | None = None) -> pd.DataFrame:
    """`scoring.rfm` with the cut-offs of the `reference` customers: customer_id, the three scores, segment, group.

    A value beyond all of the reference gets its highest or lowest score. Scored against themselves customers get the
    scores of `scoring.rfm`, whose bounds by the shop's `pace` hold here too. Empty where the reference has no buyer.
    """
    scored = rfm_scores(customers, reference, pace=pace)
    once = scored["customer_id"].isin(customers.loc[customers["orders"] == 1, "customer_id"])
    points = scored["frequency_score"] + scored["monetary_score"]
    group = np.select([once, points >= BEST, points >= REGULAR], ["Once", "Best", "Regular"], "Occasional")
    return scored.assign(segment=segment_names(scored), group=pd.Series(group, index=scored.index, dtype="str"))


def transitions(was: pd.DataFrame, now: pd.DataFrame, column: str, names: Sequence[str]) -> pd.DataFrame:
    """How many went from each of `names` (and AWAY) to each, among all customers of `was` or `now`: COLUMNS.

    Ways that nobody went are there with 0; what nobody was before, and what is nowhere, is left out.
    """
    both = was[["customer_id", column]].merge(now[["customer_id", column]], on="customer_id", how="outer",
                                              suffixes=("_was", "_now")).fillna(AWAY)
    counts = pd.crosstab(both[f"{column}_was"], both[f"{column}_now"])
    rows, columns = ([name for name in (*names, AWAY) if name in index] for index in (counts.index, counts.columns))
    table = counts.reindex(index=rows, columns=columns).rename_axis(index="before", columns="after")
    long = table.stack().rename("customers").reset_index()
    # who is in neither window is unknown: the way from AWAY to AWAY does not exist
    long = long[(long["before"] != AWAY) | (long["after"] != AWAY)].reset_index(drop=True)
    total = long.groupby("before")["customers"].transform("sum")
    limits = [Share(hits, n).level(CONFIDENCE)[:3] for hits, n in zip(long["customers"], total, strict=True)]
    return long.join(pd.DataFrame(limits, columns=COLUMNS[3:], dtype="float64"))


def _moves(was: pd.DataFrame | None, now: pd.DataFrame | None) -> dict[str, Finding]:
    """The share of each of MOVES among the customers of `was`, and of the best who are best again."""
    hits, n, best = dict.fromkeys((*MOVES, BEST_AGAIN), 0), 0, 0
    if was is not None and now is not None:
        place = {group: rank for rank, group in enumerate(GROUPS)}
        later = was["customer_id"].map(now.set_index("customer_id")["group"])
        step = (was["group"].map(place).astype("float64") - later.map(place).astype("float64")).to_numpy()
        top = (was["group"] == GROUPS[0]).to_numpy()
        n, best = len(was), int(top.sum())
        found = ((step > 0).sum(), (step == 0).sum(), (step < 0).sum(), np.isnan(step).sum(), (top & (step == 0)).sum())
        hits = dict(zip(hits, map(int, found), strict=True))
    labels = MOVES | {BEST_AGAIN: "share of the best customers who were best again"}
    return {move: share_of(label, hits[move], best if move == BEST_AGAIN else n, note="there is nobody to follow")
            for move, label in labels.items()}


def _changes(usual: dict[str, Finding], moves: dict[str, Finding], why: str) -> list[Change]:
    """Each of `moves` as a change from what is `usual`, adjusted for looking at all of them."""
    changes = []
    for move, after in moves.items():
        before = usual[move]
        few = min(before.n, after.n) < FEWEST
        note = why or (f"it takes {FEWEST} customers in both spans; there are {before.n:,} and {after.n:,}" if few
                       else "")
        change = Change(kpi=move, label=after.label, unit="share", estimate=NAN, n=after.n, before=before, after=after,
                        higher_is_better=move not in ("moved down", "stopped"), note=note,
                        method="Newcombe, widened by what such shares differ without a program")
        if not note:
            shares = [Share(round(one.estimate * one.n), one.n) for one in (before, after)]
            found = newcombe(*shares, CONFIDENCE)
            z = stats.norm.ppf(0.5 + CONFIDENCE / 2)
            error = max((found.high - found.low) / (2 * z), 1e-9)
            p_value = 2 * stats.norm.sf(max(abs(found.estimate) - AGEING, 0) / error)
            change = replace(change, estimate=found.estimate, low=max(found.low - AGEING, -1),
                             high=min(found.high + AGEING, 1), p_value=float(p_value))
        changes.append(change)
    adjusted = holm([change.p_value for change in changes])
    return [replace(change, p_adjusted=float(p)) for change, p in zip(changes, adjusted, strict=True)]


def matrix(table: pd.DataFrame) -> pd.DataFrame:
    """`groups` or `segments` for a reader: customers, one row per place before, one column per place after."""
    places = list(dict.fromkeys(table["after"]))
    wide = table.pivot(index="before", columns="after", values="customers")
    return wide.reindex(index=list(dict.fromkeys(table["before"])), columns=places).reset_index().rename(
        columns={"before": "before \\ after"}).rename_axis(columns=None)
