"""Actions: whom to turn to first, and what to do for each segment."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from loyalty_helpers.client import UserError, suggest
from loyalty_helpers.findings import NAN, Finding, count
from loyalty_helpers.scoring import LATE, SCHEMES, YEAR, buyers, purchases, share_of

ACTIONS = Path(__file__).with_name("actions.csv")
OVERDUE = 3  # usual gaps; of customers who buy at random, 1 in 8 (half to the third) is that far past their median gap


def load_actions(folder: Path | None = None) -> pd.DataFrame:
    """What to do for each segment: scheme, segment, action; `actions.csv` in the client's `folder` replaces lines.

    The client's file has the same three columns and only the lines to be changed; a blank action keeps the standard
    one. Raises UserError for unknown columns, schemes or segments.
    """
    standard = pd.read_csv(ACTIONS, dtype="str", keep_default_na=False)
    own = Path(folder) / "actions.csv" if folder is not None else None
    if own is None or not own.exists():
        return standard
    try:
        changed = pd.read_csv(own, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(f"{own.name} cannot be read: save it as CSV in UTF-8 with the columns scheme, segment, action "
                        f"({error}).") from None
    if list(changed.columns) != list(standard.columns):
        raise UserError(f"{own.name} has the columns {', '.join(changed.columns)}; needed: scheme, segment, action.")
    for row, (scheme, segment) in enumerate(zip(changed["scheme"], changed["segment"], strict=True), start=2):
        column, word, known = (("segment", segment, SCHEMES[scheme][1]) if scheme in SCHEMES
                               else ("scheme", scheme, SCHEMES))
        if word not in known:
            raise UserError(f"{own.name}, row {row}, column {column}: '{word}' is not one of {', '.join(known)}."
                            f"{suggest(word, known)}")
    changed = changed[changed["action"].str.strip() != ""]
    return pd.concat([standard, changed]).drop_duplicates(["scheme", "segment"], keep="last", ignore_index=True)


def action_list(customers: pd.DataFrame, assigned: pd.DataFrame, orders: pd.DataFrame, *,
                actions: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Whom to turn to first: one row per scored customer. Personal data: for the client's private folder only.

    The usual gap is the median of days between a customer's days with an order, known from three such days on
    ("regulars"). days_overdue counts the days since the last order beyond three times that gap; what to do then is the
    action for overdue regulars, otherwise that of the segment. spend_at_stake is what an overdue regular spent in the
    365 days before `as_of`; the list is sorted by it, then by spend_last_year.

    `assigned`: customer_id, segment, value_group, score, level. Returns customer_id, segment, value_group, score,
    level, last_order, orders, spend, spend_last_year, usual_gap_days, days_overdue, spend_at_stake, reason, action.
    """
    kept = buyers(customers)[["customer_id", "last_order_at", "orders", "spend", "recency_days"]]
    listed = kept.merge(assigned, on="customer_id").merge(_rhythm(orders, as_of), on="customer_id", how="left")
    overdue = (listed["recency_days"] - OVERDUE * listed["usual_gap_days"]).clip(lower=0).fillna(0)
    yearly = listed["spend_last_year"].fillna(0)
    todo = actions[actions["scheme"] == "RFM segment"].set_index("segment")["action"]
    late = actions.loc[actions["segment"] == LATE, "action"].iloc[0]
    listed = listed.assign(last_order=listed["last_order_at"].dt.date, days_overdue=overdue.astype("int64"),
                           spend_last_year=yearly, spend_at_stake=yearly.where(overdue >= 1, 0.0),
                           action=listed["segment"].map(todo).mask(overdue >= 1, late))
    listed["reason"] = [_reason(*row) for row in zip(*(listed[column] for column in (
        "orders", "recency_days", "usual_gap_days", "days_overdue")), strict=True)]
    listed = listed.sort_values(["spend_at_stake", "spend_last_year", "customer_id"], ascending=[False, False, True])
    return listed.reset_index(drop=True)[
        ["customer_id", "segment", "value_group", "score", "level", "last_order", "orders", "spend",
         "spend_last_year", "usual_gap_days", "days_overdue", "spend_at_stake", "reason", "action"]]


def _rhythm(orders: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """customer_id, usual_gap_days (nan below three days with an order), spend_last_year."""
    bought = purchases(orders)
    codes, ids = pd.factorize(bought["customer_id"])
    day = bought["ordered_at"].to_numpy().astype("datetime64[D]").astype("int64")
    pairs = np.unique(codes * 1_000_000 + day)  # one per customer and day, in order
    customer = pairs // 1_000_000
    same = np.diff(customer) == 0
    gaps = pd.Series(np.diff(pairs)[same]).groupby(customer[1:][same]).agg(["median", "size"])
    usual = gaps["median"].where(gaps["size"] >= 2).reindex(range(len(ids))).to_numpy()
    start, end = pd.Timestamp(as_of) - pd.Timedelta(days=YEAR), pd.Timestamp(as_of)
    lately = orders[orders["ordered_at"].ge(start) & orders["ordered_at"].lt(end)]
    spend = lately.groupby("customer_id")["amount"].sum().rename("spend_last_year")
    return pd.DataFrame({"customer_id": ids, "usual_gap_days": usual}).merge(spend, on="customer_id", how="left")


def _reason(orders: float, days: float, gap: float, overdue: int) -> str:
    ago = f"{count(int(days), 'day')} ago"
    if orders == 1:
        return f"bought once, {ago}"
    if math.isnan(gap):
        return f"bought {int(orders)} times, last {ago}"
    usual = f"usually buys every {'day' if gap == 1 else f'{gap:g} days'}, last bought {ago}"
    return f"{usual}: {count(overdue, 'day')} beyond three times the usual gap" if overdue else usual


def overdue_regulars(listed: pd.DataFrame, *, currency: str) -> list[Finding]:
    """What of `action_list` may be published: the share of regulars overdue, and what those spent in the last year.

    Only regulars who spent something in that year count: who left before is not overdue but gone.
    """
    regulars = listed[listed["usual_gap_days"].notna() & (listed["spend_last_year"] > 0)]
    late = regulars[regulars["days_overdue"] > 0]
    nobody = ("" if len(regulars) else "no regular customer spent anything in the last 365 days"
              if listed["usual_gap_days"].notna().any() else
              "no customer of the last 365 days has ever bought on three different days")
    return [share_of("regulars of the last 365 days who are past three times their usual gap", len(late),
                   len(regulars), noun="regular customer", note=nobody),
            Finding(label="what the overdue regulars spent in the last 365 days", unit=currency, n=len(late),
                    estimate=late["spend_at_stake"].sum() if len(regulars) else NAN, note=nobody)]
