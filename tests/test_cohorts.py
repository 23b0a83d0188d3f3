"""Cohorts and the time to the second order: by hand, against statsmodels, and where the truth is known."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from said import said, title
from statsmodels.duration.survfunc import SurvfuncRight

from loyalty_helpers.customers import cohorts
from loyalty_helpers.report import gate
from loyalty_helpers.report.charts import ch02, ch02b


def orders(*rows: tuple) -> pd.DataFrame:
    """Canonical orders from (customer, day, amount); a negative amount is a refund, customer None is anonymous."""
    frame = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"])
    return frame.assign(order_id=[f"o{i}" for i in range(len(frame))], is_refund=frame["amount"] < 0,
                        ordered_at=pd.to_datetime(frame["ordered_at"]).astype("datetime64[us]"),
                        customer_id=frame["customer_id"].astype("str"), amount=frame["amount"].astype("float64"))


START = date(2024, 1, 1)


def visits(gaps: dict[str, tuple[int, int | None]], *extra: tuple) -> pd.DataFrame:
    """Orders from {customer: (day of the first order, days to the second or None)}; the data begin on START."""
    rows = [(None, START, 10)]
    for name, (first, gap) in gaps.items():
        rows.append((name, START + timedelta(days=first), 10))
        if gap is not None:
            rows.append((name, START + timedelta(days=first + gap), 10))
    return orders(*rows, *extra)


# ---------------------------------------------------------------- retention by month
def test_cohorts_by_hand():
    early = [("old", date(2024, 1, 5), 10)]
    first = [(f"a{i}", date(2024, 2, 10), 10) for i in range(25)]
    again = [(f"a{i}", date(2024, 3, 10), 10) for i in range(10)] * 2 + [("a0", date(2024, 4, 2), 10)]
    noise = [(None, date(2024, 3, 1), 10), ("a20", date(2024, 3, 1), -5), ("late", date(2024, 4, 30), 10)]
    table = cohorts.cohorts(orders(*early, *first, *again, *noise))
    cells = table.set_index(["cohort", "month"])
    assert cells.index.tolist() == [("2024-01", 1), ("2024-01", 2), ("2024-01", 3), ("2024-02", 1), ("2024-02", 2)]
    assert cells.loc[("2024-02", 1), ["customers", "returned"]].tolist() == [25, 10]
    assert cells.loc[("2024-02", 1), "share"] == pytest.approx(0.4)
    assert cells.loc[("2024-02", 1), "low"] < 0.4 < cells.loc[("2024-02", 1), "high"]
    assert cells.loc[("2024-02", 2), "returned"] == 1
    assert cells.loc["2024-01", "share"].isna().all() and cells.loc["2024-01", "truncated"].all()
    assert not cells.loc["2024-02", "truncated"].any()
    came_back = cohorts.cohort_return(table)
    assert (came_back.estimate, came_back.n) == (pytest.approx(0.4), 25)


def test_a_month_not_seen_to_its_end_is_no_month():
    rows = orders(("a", date(2024, 1, 5), 10), ("b", date(2024, 2, 5), 10), ("b", date(2024, 3, 30), 10))
    assert set(cohorts.cohorts(rows)["month"] + cohorts.cohorts(rows)["cohort"].str[-2:].astype(int)) == {2}
    longer = cohorts.cohorts(rows, until=date(2024, 4, 1))
    assert longer[["cohort", "month", "returned"]].to_numpy().tolist() == [
        ["2024-01", 1, 0], ["2024-01", 2, 0], ["2024-02", 1, 1]]
    assert cohorts.cohorts(rows, months=1, until=date(2024, 4, 1))["month"].tolist() == [1, 1]


def test_cohorts_of_the_lead_are_truncated():
    rows = orders(*[(f"c{month}", date(2024, month, 20), 10) for month in range(1, 7)])
    marked = cohorts.cohorts(rows).groupby("cohort")["truncated"].first()
    assert marked.index[marked.astype(bool)].tolist() == ["2024-01"]
    marked = cohorts.cohorts(rows, lead_days=45).groupby("cohort")["truncated"].first()  # 20 January to 4 March
    assert marked.index[marked.astype(bool)].tolist() == ["2024-01", "2024-02", "2024-03"]


def test_a_return_of_a_few_is_not_told():
    first = [(f"a{i}", date(2024, 2, 10), 10) for i in range(9)]
    table = cohorts.cohorts(orders(("old", date(2024, 1, 5), 10), *first, ("z", date(2024, 3, 31), 10)))
    assert "only 9 new customers" in said(cohorts.cohort_return(table))


def test_the_curve_pools_the_same_customers_in_every_month():
    sizes = {2: 30, 3: 20, 4: 40}  # month of the first order -> customers
    first = [(f"{month}-{i}", date(2024, month, 10), 10) for month, n in sizes.items() for i in range(n)]
    again = [*[(f"2-{i}", date(2024, 3, 10), 10) for i in range(15)],
             *[(f"3-{i}", date(2024, 4, 10), 10) for i in range(5)]]
    later = [("2-0", date(2024, 4, 10), 10), ("3-0", date(2024, 5, 10), 10)]
    rows = orders(("old", date(2024, 1, 5), 10), *first, *again, *later, ("z", date(2024, 5, 31), 10))
    curve = cohorts.retention_curve(cohorts.cohorts(rows))
    # of 90 followed for a month 50 are followed for two, and 30 for three: less than half
    assert curve[["month", "cohorts", "customers", "returned"]].to_numpy().tolist() == [[1, 2, 50, 20], [2, 2, 50, 2]]
    assert curve["share"].tolist() == pytest.approx([0.4, 0.04])
    # Wilson by hand: (0.4 + 1.9208/50 -+ 1.96 sqrt(0.4 x 0.6/50 + 3.8416/10000)) / (1 + 3.8416/50)
    assert curve.loc[0, ["low", "high"]].tolist() == pytest.approx([0.2761, 0.5382], abs=1e-4)
    assert said(cohorts.retention_sentence(curve)) == (
        "Of 50 new customers 40 % (28 % to 54 %) had an order in the first month after, and 4 % (1 % to 13 %) in the "
        "2nd.")
    seen = gate.seen(curve, 5, "retention")  # 20 of 50 came back in the first month, two in the second
    assert seen[["share", "low", "returned"]].isna().all(axis=1).tolist() == [False, True]
    nearly = gate.seen(curve.assign(returned=[20, 48], share=[0.4, 0.96]), 5, "retention")
    assert nearly[["share", "returned"]].isna().all(axis=1).tolist() == [False, True]  # two did not
    assert title(ch02b.retention(curve)) == (
        "40 % of new customers come back in the first month after, 4 % in month 2")
    assert title(ch02b.retention(seen)) == "40 % of new customers come back in the first month after"


# ---------------------------------------------------------------- time to the second order
def test_the_second_order_by_hand():
    """Ten customers followed from day 40 to day 100: 2 return after 10 days, 1 after 30; 3 are seen for 20 days only.

    S(10) = 8/10; after the 3 are lost five are left, S(30) = 8/10 x 4/5 = 0.64. Greenwood: 2/(10 x 8) + 1/(5 x 4) =
    0.075, so log(-log S) has the error sqrt(0.075)/0.4463 = 0.6136, and S lies between 0.64^e^(+-1.2027).
    """
    early = {"a": (40, 10), "b": (40, 10), "c": (40, 30), **{f"d{i}": (40, None) for i in range(4)}}
    late = {f"e{i}": (80, None) for i in range(3)}
    found = cohorts.second_order(visits(early | late | {"old": (5, 10)}), as_of=START + timedelta(days=100),
                                 lead_days=30)
    assert (found.customers, found.left_out) == (10, 1)
    curve = found.by_day.set_index("day")
    assert curve["at_risk"].to_dict() == {0: 10, 10: 10, 30: 5, 60: 4}
    assert curve["second"].to_dict() == {0: 0, 10: 2, 30: 1, 60: 0}
    assert curve["share"].tolist() == pytest.approx([0, 0.2, 0.36, 0.36])
    spread = np.exp(1.959964 * np.sqrt(0.075) / -np.log(0.64))
    assert curve.loc[30, ["low", "high"]].tolist() == pytest.approx([1 - 0.64 ** (1 / spread), 1 - 0.64**spread])
    assert curve.loc[30, ["low", "high"]].tolist() == pytest.approx([0.1254, 0.7735], abs=5e-4)
    assert curve.loc[0, "low"] == 0 and curve.loc[0, "high"] == pytest.approx(1.959964**2 / (10 + 1.959964**2))
    assert "Left out: 1 customer whose first order in the data falls in its first 30 days" in said(found.sentence)
    assert not any(one.measurable for one in found.after)  # fewer than ten are followed for 30 days


def test_the_last_one_followed_does_not_decide_for_all():
    """Of 13 eleven return after 5 days; one is waited for since 101 days, and one, waited for longer, came after 120:
    with nobody left the estimate would leap to 100 %. Within 90 days, of which all are seen, it is 11 of 13."""
    gaps = {f"c{i}": (40, 5) for i in range(11)} | {"waiting": (139, None), "last": (40, 120)}
    found = cohorts.second_order(visits(gaps), as_of=START + timedelta(days=240), lead_days=30)
    assert found.by_day["share"].max() == 1 and found.reach == 101
    assert [one.measurable for one in found.after] == [True, True, False]
    assert found.after[1].estimate == pytest.approx(11 / 13)
    told = said(found.sentence)
    assert "100" not in told.split("Half")[0].replace("100 %)", "") and "180 days" not in told
    chart = ch02.second_order(found)
    assert title(chart) == "85 % of new customers ordered a second time on another day within 90 days"
    line = chart.figure.axes[0].lines[0]
    assert line.get_xdata().max() == 101 and line.get_ydata().max() == pytest.approx(11 / 13)
    assert "day 0: 13." in said(chart.note)  # who is left later are a few persons


def test_the_chart_reaches_as_far_as_its_title():
    found = cohorts.second_order(visits({f"c{i}": (40, 5) for i in range(20)}), as_of=START + timedelta(days=300),
                                 lead_days=30)
    chart = ch02.second_order(found)  # all came back within 5 days, so within 180 days too
    assert "within 180 days" in title(chart) and chart.figure.axes[0].lines[0].get_xdata().max() == 180


def followed(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    wait, end = rng.geometric(0.01, n), rng.integers(20, 400, n)
    return np.minimum(wait, end), wait <= end


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")  # within statsmodels
@pytest.mark.parametrize("seed", range(3))
def test_the_curve_agrees_with_statsmodels(seed):
    days, happened = followed(150, seed)
    ours = cohorts.kaplan_meier_curve(days, happened).set_index("day")
    oracle = SurvfuncRight(days, happened.astype(int))
    ours_at = ours.loc[oracle.surv_times]
    np.testing.assert_allclose(1 - ours_at["share"], oracle.surv_prob, rtol=1e-12)
    np.testing.assert_array_equal(ours_at["at_risk"], oracle.n_risk)
    inside = (oracle.surv_prob > 0) & (oracle.surv_prob < 1)
    logs = np.log(oracle.surv_prob[inside])
    factor = np.exp(1.959963985 * oracle.surv_prob_se[inside] / oracle.surv_prob[inside] / np.abs(logs))
    np.testing.assert_allclose(ours_at["high"][inside], 1 - np.exp(logs * factor), rtol=1e-8)
    np.testing.assert_allclose(ours_at["low"][inside], 1 - np.exp(logs / factor), rtol=1e-8)
    gaps = {f"c{i}": (50 + 400 - int(d) if not h else 50, int(d) if h else None)
            for i, (d, h) in enumerate(zip(days, happened, strict=True))}
    found = cohorts.second_order(visits(gaps), as_of=START + timedelta(days=450), lead_days=0)
    low, high = SurvfuncRight(*_of(gaps)).quantile_ci(0.5, method="cloglog")
    assert found.median.estimate == SurvfuncRight(*_of(gaps)).quantile(0.5)
    assert (found.median.low, found.median.high) == (low, high)


def _of(gaps: dict) -> tuple[np.ndarray, np.ndarray]:
    """Times and events as `visits` makes them of customers followed to day 450."""
    return (np.array([450 - first if gap is None else gap for first, gap in gaps.values()]),
            np.array([gap is not None for _, gap in gaps.values()], dtype=int))


def test_two_orders_of_one_day_are_one_visit_and_refunds_none():
    gaps = {f"c{i}": (10, None) for i in range(12)}
    same_day = [("c0", datetime(2024, 1, 11, 15), 20), ("c1", date(2024, 1, 20), -10), ("c2", date(2024, 1, 20), 10)]
    found = cohorts.second_order(visits(gaps, *same_day), as_of=date(2024, 6, 1), lead_days=0)
    assert found.by_day["second"].sum() == 1 and found.by_day["share"].max() == pytest.approx(1 / 12)


def test_the_shares_cover_the_truth():
    """Gaps are geometric: within 90 days 1 - 0.99^90 = 59.5 % come back, half after 69 days."""
    truth, hits = 1 - 0.99**90, 0
    for seed in range(100):
        curve = cohorts.kaplan_meier_curve(*followed(60, seed))
        low, high = curve.loc[curve["day"] <= 90, ["low", "high"]].iloc[-1]
        hits += low <= truth <= high
    assert 90 <= hits <= 99


def test_everybody_and_nobody_comes_back():
    every = cohorts.second_order(visits({f"c{i}": (10, 5) for i in range(20)}), as_of=date(2024, 6, 1), lead_days=0)
    assert every.after[0].estimate == 1 and every.after[0].high == 1
    assert every.after[0].low == pytest.approx(20 / (20 + 1.959964**2))  # Wilson's for 20 of 20
    assert every.median.estimate == 5
    never = cohorts.second_order(visits({f"c{i}": (10, None) for i in range(20)}), as_of=date(2024, 6, 1), lead_days=0)
    assert never.after[0].estimate == never.after[0].low == 0 and 0.1 < never.after[0].high < 0.2
    assert not never.median.measurable and "fewer than half" in said(never.median)
    assert "ordered again: 0 % (0 % to 16 %) within 30 days" in said(never.sentence)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 60), st.none() | st.integers(1, 60)), max_size=25), st.randoms())
def test_any_shop_gives_a_curve_that_rises_within_its_limits(some, random):
    gaps = {f"c{i}": one for i, one in enumerate(some)}
    rows = visits(gaps)
    before = rows.copy(deep=True)
    options = {"as_of": START + timedelta(days=121), "lead_days": 20}
    found = cohorts.second_order(rows, **options)
    pd.testing.assert_frame_equal(rows, before)
    assert found.customers + found.left_out == len(gaps)
    curve = found.by_day.dropna()
    assert (curve["share"].diff().dropna() >= -1e-12).all()
    assert (curve["low"] <= curve["share"] + 1e-12).all() and (curve["share"] <= curve["high"] + 1e-12).all()
    assert curve[["low", "high"]].stack().between(0, 1).all()
    assert said(found.sentence).endswith(".") and "nan" not in said(found.sentence)
    shuffled = list(range(len(rows)))
    random.shuffle(shuffled)
    pd.testing.assert_frame_equal(cohorts.second_order(rows.iloc[shuffled], **options).by_day, found.by_day)


def test_for_others_no_step_is_a_few_persons():
    days, happened = followed(200, 5)
    gaps = {f"c{i}": (50 if h else 450 - int(d), int(d) if h else None)
            for i, (d, h) in enumerate(zip(days, happened, strict=True))}
    found = cohorts.second_order(visits(gaps), as_of=START + timedelta(days=450), lead_days=0)
    shown = gate.seen(found, 5)
    came = found.by_day.set_index("day")["second"].cumsum().loc[shown.by_day["day"]]
    assert (came.diff().dropna()[:-1] >= 5).all() and came.iloc[-1] - came.iloc[-3] >= 5
    assert shown.by_day["second"].isna().all() and len(shown.by_day) < len(found.by_day) / 2
    few = gate.seen(cohorts.second_order(visits({f"c{i}": (10, 5 if i < 3 else None) for i in range(20)}),
                                         as_of=date(2024, 6, 1), lead_days=0), 5)  # three of twenty came back
    assert few.by_day["share"].isna().all() and not any(one.measurable for one in few.after)
