"""Tables as a reader sees them: for each column its unit and whether it counts persons, for each table its groups.

One declaration serves the page, the charts and the files: the gate hides by it, the page writes units and names by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from loyalty_helpers.core.messages import Message
from loyalty_helpers.customers.migration import AWAY
from loyalty_helpers.customers.rfm import SEGMENTS
from loyalty_helpers.report.wording import words

MONEY = "money"  # stands for the client's currency


@dataclass(frozen=True)
class Column:
    """A column of a result table: the unit its numbers are written in ("" for plain numbers), and whether it counts
    persons, so that others must not see 1 to k - 1 of them."""

    unit: str = ""
    persons: bool = False


@dataclass(frozen=True)
class Table:
    """What the gate must know of a table beside its columns.

    Counts of persons add up to a known total `within` the values of these columns, or in the whole table. Where a count
    is hidden, the row's `figures` go too: None means all its numbers. `persons` are further columns that count persons
    in this table alone. `hits` are shares of persons, each with the column of its n ("recall", "customers") and others
    that go with it: behind one may stand a few persons, though n is large; levels before and after (n_before, n_after)
    need no declaration. `units` are those of columns that have another unit here than elsewhere. `names` are columns
    that hold names of the rooms ("At Risk"), with how the keys of their words begin: `place-at-risk`.

    A curve over persons has `steps`, a column that says how many each row adds: of fewer than k no step is seen. A
    table `for_owner` others see without rows, because beside other tables it would tell what they hide.
    """

    within: tuple[str, ...] = ()
    figures: tuple[str, ...] | None = None
    persons: tuple[str, ...] = ()
    hits: tuple[tuple[str, ...], ...] = ()
    units: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    steps: str = ""
    for_owner: bool = False


COLUMNS: dict[str, Column] = {
    "customers": Column(persons=True),
    "members": Column(persons=True),
    "joiners": Column(persons=True),
    "answers": Column(persons=True),
    "n_treated": Column(persons=True),
    "n_comparison": Column(persons=True),
    "share": Column("share"),
    "spend": Column(MONEY),
    "spend_share": Column("share"),
    **dict.fromkeys(("value", "low", "high", "before", "before_low", "before_high", "after", "after_low", "after_high",
                     "change", "change_low", "change_high"), Column()),
    **dict.fromkeys(("n_before", "n_after"), Column()),  # which the gate knows (see Table.hits)
    **dict.fromkeys(("effect", "lowest", "highest", "results", "studies", "client_effect", "client_low", "client_high"),
                    Column()),  # of published cases
    # customers
    **dict.fromkeys(("both", "checked", "first_calls", "late", "only_this"), Column(persons=True)),
    **dict.fromkeys(("at_risk", "attitude", "behavior", "calls", "cohorts", "day", "month", "orders", "orders_each",
                     "p_adjusted", "returned", "score", "second", "step"), Column()),
    **dict.fromkeys(("best", "by_chance", "revenue"), Column("share")),
    **dict.fromkeys(("spend_each", "value_at_risk", "value_of_acting"), Column(MONEY)),
    # forecasts
    **dict.fromkeys(("buyers", "contacted"), Column(persons=True)),
    **dict.fromkeys(("days", "tenth", "fifth", "season", "predicted", "actual", "carried", "threshold", "expected",
                     "value_predicted", "value_actual", "r", "alpha", "a", "b"), Column()),
    # evaluation
    **dict.fromkeys((
        "n", "rung", "weeks", "needed_for_10", "needed_for_20", "needed_for_30", "time_to_answer_weeks_for_20",
        "smallest_lift", "activity_days", "first", "last", "week", "weeks_before", "weeks_after", "quantile", "others",
        "orders_low", "orders_high", "per_week_before", "per_week_after", "members_share", "rewards_share",
        "change_described", "rewards", "profit", "lift", "estimate", "ess", "placebo", "placebo_low", "placebo_high",
        "p_value", "p_adjusted", "observed", "predicted", "importance", "importance_low", "importance_high",
        "performance", "performance_low", "performance_high", "importance_cut", "performance_cut"), Column()),
}
LEVELS = ("before", "after", "change", "low", "high")
BETWEEN = (("low", "share"), ("high", "share"))  # the ends of a share
LIFETIMES = ("margin_per_year", "simple_clv", "discounted_clv", "total", "model_clv")
PAIRS = (*BETWEEN, ("share_others", "share"), ("expected", "share"))
# tables that need more than their columns' declarations, by the name under which the page shows or keeps them
TABLES: dict[str, Table] = {
    # the table of chapter 02, and where the customers of each segment went
    "segments": Table(within=("scheme", "before"), names=(("segment", "place"),)),
    # customers
    "activity": Table(names=(("group", "group"),)),
    "affinity": Table(units=PAIRS, names=(("reading", "reading"),)),
    "baskets": Table(persons=("orders",), units=PAIRS, names=(("reading", "reading"),)),
    "by_day": Table(steps="second"),
    "by_segment": Table(names=(("segment", "place"),)),
    "cohorts": Table(hits=(("share", "customers", "returned"),)),
    "contacts": Table(units=(*BETWEEN, ("threshold", "share"), ("precision", "share"), ("recall", "share"))),
    "cutoffs": Table(within=("measure",), figures=(), names=(("measure", "measure"),)),
    "disagreement": Table(figures=("share", "why")),
    "faults": Table(units=(("money_share_of_score", "share"), ("money_share_of_variance", "share"))),
    "groups": Table(within=("before",)),
    "holdout": Table(units=(("total_error", "lift"), ("largest_error", "share"), ("top_tenth", "share"))),
    "index_parts": Table(persons=("answered",), names=(("group", "parts"),)),
    "level_rules": Table(for_owner=True, units=BETWEEN, names=(("level", "place"),)),
    "levels": Table(within=("scheme",), names=(("scheme", "scheme"), ("segment", "place"))),
    "lifetimes": Table(figures=(*LIFETIMES, "meaning"), names=(("value_group", "place"),),
                       units=tuple((name, MONEY) for name in LIFETIMES)),
    "lorenz": Table(steps="step"),
    "models": Table(units=(("auc", "share"), ("behind", "share"), ("behind_se", "share"), ("total_error", "lift"))),
    "migration_segments": Table(persons=(*SEGMENTS, AWAY), names=(("before \\ after", "place"),)),
    "migration_sizes": Table(names=(("group", "migration"),)),
    "next_category": Table(within=("first",), units=PAIRS),
    "quadrant": Table(units=BETWEEN, names=(("type", "type"),)),
    "reach": Table(steps="step"),
    "referrals": Table(units=(("bought_again", "share"),), names=(("group", "newcomers"),)),
    "retention": Table(hits=(("share", "customers", "returned"),), units=BETWEEN),
    "rfm": Table(names=(("segment", "place"),)),
    "score_groups": Table(figures=()),
    "tested": Table(within=("model",), units=(("gained", "share"), ("total_error", "lift"))),
    # evaluation
    "activity_stress": Table(units=tuple((name, "share") for name in LEVELS)),
    "choices": Table(within=("option",), persons=("n",)),
    "comments": Table(within=("group", "theme"), persons=("n", "comments")),
    "compared_joiners": Table(persons=("number",)),
    "power": Table(within=("design",)),
    "since_joining": Table(within=("first",)),
}


def units(frame, name: str, *, currency: str) -> dict[str, str]:
    """The unit of each column of `frame`, shown as table `name`, that has one; money in the client's `currency`."""
    own = dict(TABLES.get(name, Table()).units)
    found = {column: own.get(column, COLUMNS.get(column, Column()).unit) for column in frame.columns}
    return {column: currency if unit == MONEY else unit for column, unit in found.items() if unit}


def key(prefix: str, name: str) -> str:
    """The key of a name's words: `place-at-risk` for ("place", "At Risk")."""
    return f"{prefix}-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}"


def named(column: pd.Series, prefix: str) -> pd.Series:
    """Names of the rooms in words; each distinct one is put in words once."""
    return column.map({name: words(Message(key(prefix, name))) for name in column.dropna().unique()})


def worded(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """`frame`, shown as table `name`, with its names in words."""
    prefixes = dict(TABLES.get(name, Table()).names)
    return frame.assign(**{column: named(frame[column], prefixes[column]) for column in frame if column in prefixes})
