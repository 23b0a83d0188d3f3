"""Loyalty levels by the client's own rules, and the table of all groups with what to do for each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN
from loyalty_helpers.core.intervals import Share
from loyalty_helpers.core.messages import Message, Persons, message
from loyalty_helpers.core.settings import LEVELS
from loyalty_helpers.customers.buyers import CONFIDENCE, buyers, known_values
from loyalty_helpers.customers.concentration import totals
from loyalty_helpers.customers.rfm import EIGHT_TYPES, SEGMENTS, TOO_FEW, VALUE_GROUPS

NO_LEVEL = "No level yet"
LATE = "Overdue regular"
REFUNDS_ONLY = "Refunds only"  # customers who are not scored
# scheme of tables/segments.csv -> (column of the customers' assignments, its segments in the order shown)
SCHEMES = {
    "RFM segment": ("segment", (*SEGMENTS, TOO_FEW)),
    "Eight types": ("chinese_type", (*EIGHT_TYPES[::-1], TOO_FEW)),
    "Value group": ("value_group", VALUE_GROUPS),
    "Loyalty level": ("level", ("High", "Middle", "Basic", NO_LEVEL)),
    "Rhythm": ("rhythm", (LATE,)),
}


def levels(customers: pd.DataFrame, rules: Mapping[str, Mapping[str, float]] = LEVELS,
           referrals: pd.DataFrame | None = None) -> pd.DataFrame:
    """Loyalty level by the client's rules: Basic (satisfied, buys again), Middle (recommends), High (promotes).

    The highest level of which every rule that can be checked holds: min_orders; min_rating where the customer has
    rated; min_referrals (distinct customers referred) where the client has `referrals`. Returns customer_id, level
    (NO_LEVEL where not even the basic one is reached).
    """
    kept = buyers(customers)
    orders, rating = known_values(kept, "orders"), known_values(kept, "rating")
    referred = _referred(kept, referrals)
    level = np.full(len(kept), NO_LEVEL, dtype=object)
    for name in ("basic", "middle", "high"):
        rule = rules[name]
        holds = ((orders >= rule["min_orders"]) & ~(rating < rule["min_rating"])
                 & ~(referred < rule["min_referrals"]))
        level[holds] = name.capitalize()
    return pd.DataFrame({"customer_id": kept["customer_id"], "level": pd.Series(level, dtype="str")})


def level_rules(customers: pd.DataFrame, rules: Mapping[str, Mapping[str, float]] = LEVELS,
                referrals: pd.DataFrame | None = None) -> pd.DataFrame:
    """Each rule of each loyalty level, how many customers meet it, and whom it alone keeps from the level.

    As `levels` reads them: a rule is checked where something is known (rating: of those who rated). Rules that nobody
    can fail are left out. Returns level, rule, checked, customers (who meet it), share, low, high (Wilson), only_this
    (who meet every other rule of the level, but not this one).
    """
    kept = buyers(customers)
    known = {"min_orders": known_values(kept, "orders"), "min_rating": known_values(kept, "rating"),
             "min_referrals": _referred(kept, referrals)}
    rows = []
    for level in ("basic", "middle", "high"):
        failed = {name: values < rules[level][name] for name, values in known.items()}
        for name, values in known.items():
            bar, checked = rules[level][name], int((~np.isnan(values)).sum())
            if bar <= 0 or not checked:
                continue
            only = failed[name] & (sum(fails.astype(int) for fails in failed.values()) == 1)
            meets = checked - int(failed[name].sum())
            share = Share(meets, checked).level(CONFIDENCE)[:3]
            rows.append((level.capitalize(), _rule(name, bar), checked, meets, *share, int(only.sum())))
    return pd.DataFrame(rows, columns=["level", "rule", "checked", "customers", "share", "low", "high", "only_this"])


def _rule(name: str, bar: float) -> Message:
    whole = float(bar).is_integer()
    return message(f"rule-{name.replace('_', '-')}", bar=int(bar) if whole else f"{bar:g}", where="yes")


def levels_sentence(leveled: pd.DataFrame, rules_met: pd.DataFrame) -> Message:
    """How many reach a level at all (`levels`), and which rule of the lowest one most often stands in the way."""
    n = len(leveled)
    if not n:
        return message("levels-nobody")
    reached = int((leveled["level"] != NO_LEVEL).sum())
    counted = {"reached": Persons(reached, of=n), "customers": Persons(n)}
    first = rules_met[rules_met["level"] == "Basic"]
    if reached == n or not first["only_this"].max() > 0:
        return message("levels-reached", **counted)
    stop = first.loc[first["only_this"].idxmax()]
    rule = message(stop["rule"].key, bar=stop["rule"].facts["bar"], where="no")
    return message("levels-stopped", **counted, only=Persons(int(stop["only_this"])), rule=rule)


def _referred(kept: pd.DataFrame, referrals: pd.DataFrame | None) -> np.ndarray:
    """Distinct customers each one referred; nan for all where the client has no referrals."""
    if referrals is None:
        return np.full(len(kept), NAN)
    return (kept["customer_id"].map(referrals.groupby("referrer_id")["referee_id"].nunique())
            .fillna(0).to_numpy(dtype="float64"))


def segments_table(customers: pd.DataFrame, assigned: pd.DataFrame) -> pd.DataFrame:
    """Scheme, segment, customers, share, spend, spend_share, for the segments that occur.

    `assigned` has one row per scored customer with customer_id and any of the columns segment, chinese_type,
    value_group (`rfm`) and level (`levels`). Customers with refunds only are a line of their own, so that in each
    scheme customers and money add up to the whole.
    """
    tables = []
    for scheme, (column, names) in SCHEMES.items():
        if column in assigned:
            group = assigned.set_index("customer_id")[column].reindex(customers["customer_id"], fill_value=REFUNDS_ONLY)
            table = totals(customers, group).rename_axis("segment").reset_index()
            order = table["segment"].map({name: i for i, name in enumerate([*names, REFUNDS_ONLY])})
            tables.append(table.assign(scheme=scheme).loc[order.sort_values().index])
    return pd.concat(tables, ignore_index=True)[["scheme", "segment", "customers", "share", "spend", "spend_share"]]
