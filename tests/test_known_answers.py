"""The worked examples of the source articles, as stated and as they should be: those that belong to KPIs."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from said import in_words, said

from loyalty_helpers.core import windows
from loyalty_helpers.core.findings import Change, Finding
from loyalty_helpers.core.intervals import Mean, Share
from loyalty_helpers.evaluation import kpis
from loyalty_helpers.report.wording import findings as wording

LAUNCH = dt.date(2025, 1, 1)
BEFORE, AFTER = "2023-12-01", "2024-12-01"  # orders that make people active when the windows begin


def shop(rows) -> dict[str, pd.DataFrame]:
    """A shop from (customer, date), 10 a piece; two orders a day apart and a late one fix activity window and end."""
    frame = pd.DataFrame(rows, columns=["customer_id", "ordered_at"]).astype({"customer_id": "str"})
    frame["ordered_at"] = pd.to_datetime(frame["ordered_at"])
    frame.insert(0, "order_id", [f"o{k}" for k in range(len(frame))])
    return {"orders": frame.assign(amount=10.0, is_refund=False, channel=None, category=None, rating=np.nan)}


def retention(rows) -> Change:
    frames = shop(rows)
    spans = windows.windows(frames["orders"], launched_on=LAUNCH)
    return kpis.compare(frames, spans, primary="retention", currency="CNY")[0]


def wave(who: str, day: str, then: str, *, at_risk: int, retained: int, new: int = 0):
    """Customers active on `day`, of whom `retained` order again on `then`, besides `new` ones."""
    people = [f"{who}{k}" for k in range(at_risk + new)]
    return [(one, day) for one in people[:at_risk]] + [(one, then) for one in people[:retained] + people[at_risk:]]


# ---------------------------------------------------------------- retention
def test_retention_needs_those_at_risk_in_the_denominator():
    """Stated: retained / customers in the period = 800/1000. With S = 900, N = 300, E = 1000 it is 77.8 %, not 70 %."""
    rows = wave("a", AFTER, "2025-02-01", at_risk=900, retained=700, new=300)
    found = retention([*rows, ("start", "2022-12-01"), ("start", "2023-02-01")]).after
    in_the_period = {who for who, day in rows if day >= "2025"}
    assert len(in_the_period) == 1000
    assert (found.estimate, found.n) == (pytest.approx((1000 - 300) / 900), 900)
    assert found.value == "78 %" and round(100 * found.estimate, 1) == 77.8


def test_retention_from_40_to_60_with_50_customers_per_period():
    """Stated as a success. The interval of +20 points is 0.5 to 37.5."""
    rows = (wave("a", BEFORE, "2024-01-20", at_risk=50, retained=20)
            + wave("b", AFTER, "2025-01-20", at_risk=50, retained=30))
    found = retention([*rows, ("start", "2022-12-01"), ("start", "2023-02-01")])
    assert (found.before.estimate, found.after.estimate) == (0.4, 0.6)
    assert (found.before.n, found.after.n) == (50, 50)
    assert 100 * found.estimate == pytest.approx(20)
    assert [round(100 * limit, 1) for limit in (found.low, found.high)] == [0.5, 37.5]
    assert found.verdict == "up"


def test_retention_from_40_to_60_with_20_customers_per_period():
    """With 20 customers the same change is no evidence of any."""
    rows = (wave("a", BEFORE, "2024-01-20", at_risk=20, retained=8)
            + wave("b", AFTER, "2025-01-20", at_risk=20, retained=12))
    found = retention([*rows, ("start", "2022-12-01"), ("start", "2023-02-01")])
    assert found.low < 0 < found.high
    assert said(found).startswith("No evidence that the customer retention rate changed: from 40 % to 60 %, +20 pp")
    # nine in ten that it improved, for all that: 0.2 is 1.29 standard errors of sqrt(2 x 0.24 / 20)
    assert found.chance_improved == pytest.approx(0.90, abs=0.01)
    assert said(found).endswith("the chance that it improved is 90 %.")


# ---------------------------------------------------------------- referrals, satisfaction
def test_100_referrers_of_1000_customers():
    """Stated: 10 %. Its interval is 8.3 to 12.0 %, and it counts behavior, not willingness."""
    level = Share(100, 1000).level(0.95)
    assert [round(100 * part, 1) for part in level[:3]] == [10.0, 8.3, 12.0]
    frames = shop([(f"c{k}", "2024-06-01") for k in range(1000)] + [("c0", "2024-07-01")])
    frames["referrals"] = pd.DataFrame({
        "referrer_id": [f"c{k}" for k in range(100)] + ["c0"], "referee_id": None, "at": pd.Timestamp("2024-06-15")})
    found = kpis.levels(frames, pd.Timestamp("2024-06-01"), pd.Timestamp("2024-07-02"), currency="CNY")
    rate = found["referrer_rate"]
    assert (rate.estimate, rate.n) == (0.1, 1000)
    assert said(rate) == "Referrer rate: 10 % (95 % interval 8 % to 12 %; 1,000 customers)."


def test_satisfaction_from_45_to_5_means_that_every_answer_was_a_5():
    """Stated: satisfaction rose from 4.5 to 5. A mean of 5.0 on a scale of 1 to 5 cannot rise, nor be certain."""
    was, now = Mean(np.array([4.0, 5.0] * 10), range(1, 6)), Mean(np.full(20, 5.0), range(1, 6))
    level, change = now.level(0.95), now.change_from(was, 0.95)
    assert (level.estimate, level.high) == (5, 5) and 4.6 < level.low < 4.9
    assert change.estimate == 0.5 and 0.1 < change.low < 0.3
    frames = shop([("a", "2023-01-01"), ("a", "2025-05-01")])
    frames["survey"] = pd.DataFrame({
        "answered_at": pd.Timestamp("2025-02-01"), "wave": None, "customer_id": None, "nps": np.nan,
        "csat": [5.0] * 20, "ces": np.nan})
    rows = in_words(kpis.traps(frames, windows.windows(frames["orders"], launched_on=LAUNCH))).set_index("check")
    assert rows.loc["Answers at the ceiling", ["found", "grade"]].tolist() == ["csat: 100 % gave 5", "worth knowing"]


def test_a_whole_table_s_sum_is_not_a_customer_s():
    """Stated: `Amount.sum()` and `Category.nunique()` over the whole table, which are the same for everyone."""
    frames = shop([("a", "2024-06-01"), ("b", "2024-06-01"), ("b", "2024-06-09")])
    frames["orders"]["category"] = ["x", "x", "y"]
    found = kpis.levels(frames, pd.Timestamp("2024-06-01"), pd.Timestamp("2024-06-10"), currency="CNY")
    assert found["diversity"].estimate == found["frequency"].estimate == 1.5


def test_a_level_in_the_words_of_the_page():
    assert wording.interval(Finding(label="referrer rate", unit="share", estimate=0.1, low=0.083, high=0.120,
                                    n=1000)) == "8 % to 12 %"
