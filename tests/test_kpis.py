"""KPIs: windows, definitions counted by hand, intervals against oracles and in exact or simulated coverage."""

from __future__ import annotations

import datetime as dt
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from said import in_words, said
from scipy import integrate, stats
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from loyalty_helpers.core import intervals, windows
from loyalty_helpers.core import settings as client
from loyalty_helpers.core.findings import Change, Finding
from loyalty_helpers.core.intervals import Mean, Ratio, Share, Unspent
from loyalty_helpers.core.purchases import DAY
from loyalty_helpers.evaluation import kpis
from loyalty_helpers.evaluation.kpis import measures
from loyalty_helpers.evaluation.kpis.definitions import label
from loyalty_helpers.lab import simulate

LAUNCH = dt.date(2025, 1, 1)
NONE = {"channel": None, "category": None, "rating": np.nan}


def orders(rows, **columns) -> pd.DataFrame:
    """Canonical orders from (customer, date, amount) or (customer, date, amount, refund); None is anonymous."""
    frame = pd.DataFrame({
        "order_id": [f"o{k}" for k in range(len(rows))],
        "customer_id": pd.Series([row[0] for row in rows], dtype="str"),
        "ordered_at": pd.Series([pd.Timestamp(row[1]) for row in rows], dtype="datetime64[us]"),
        "amount": [float(row[2]) for row in rows],
        "is_refund": [len(row) > 3 and row[3] for row in rows]})
    for name, value in (NONE | columns).items():
        frame[name] = pd.Series([value] * len(frame) if value is None or np.isscalar(value) else value,
                                dtype="float64" if name == "rating" else "str")
    return frame


def by_kpi(changes) -> dict[str, Change]:
    return {change.kpi: change for change in changes}


def compared(frames, spans, **options) -> dict[str, Change]:
    return by_kpi(kpis.compare(frames, spans, **{"primary": "retention", "currency": "CNY"} | options))


@pytest.fixture(scope="module")
def shop():
    return simulate.shop(customers=600, seed=5, guests=0.1)


@pytest.fixture(scope="module")
def spans(shop):
    return windows.windows(shop.orders, launched_on=shop.launched_on)


@pytest.fixture(scope="module")
def changes(shop, spans):
    return kpis.compare(shop.frames, spans, primary="retention", currency="CNY")


# ---------------------------------------------------------------- windows
def test_the_same_days_a_year_earlier():
    bought = orders([("a", "2023-01-01", 1), ("a", "2025-09-30 18:00", 1)])
    spans = windows.windows(bought, launched_on=LAUNCH, gap_days=28)
    assert spans.season_matched and said(spans.note) == ""
    assert (spans.after_start, spans.after_end) == (pd.Timestamp("2025-01-29"), pd.Timestamp("2025-10-01"))
    assert spans.before_start == spans.after_start - pd.Timedelta(days=364)
    assert spans.before_end.weekday() == spans.after_end.weekday()


def test_a_gap_never_lets_the_time_before_reach_into_the_program():
    bought = orders([("a", "2020-01-01", 1), ("a", "2027-01-01", 1)])
    spans = windows.windows(bought, launched_on=LAUNCH, gap_days=60)
    assert spans.before_end == pd.Timestamp(LAUNCH)
    assert spans.days == 304


def test_without_a_year_of_orders_the_season_is_not_matched_and_windows_stay_equal():
    bought = orders([("a", "2024-11-01", 1), ("a", "2025-05-01", 1)])
    spans = windows.windows(bought, launched_on=LAUNCH)
    assert not spans.season_matched and "season is not matched" in said(*spans.notes)
    assert (spans.before_start, spans.before_end) == (pd.Timestamp("2024-11-01"), pd.Timestamp(LAUNCH))
    assert spans.days == 61


@pytest.mark.parametrize("days", [-100, 0, 6])
def test_with_less_than_a_week_before_the_launch_there_is_an_after_only(days):
    start = pd.Timestamp(LAUNCH) - pd.Timedelta(days=days)
    bought = orders([(who, start + pd.Timedelta(days=k), 1) for who in "abc" for k in range(0, 300, 7)])
    spans = windows.windows(bought, launched_on=LAUNCH)
    assert spans.before_start == spans.before_end
    assert spans.after_start == max(start, pd.Timestamp(LAUNCH)) and spans.after_end == spans.data_end
    one = compared({"orders": bought}, spans)["frequency"]
    assert one.after.measurable and not one.measurable
    assert said(one.note) == (f"the orders begin on {start:%Y-%m-%d}, and the launch was on 2025-01-01: there is no "
                              "time before to compare with")


@pytest.mark.parametrize(("lead", "used"), [(100, 80), (50, 50), (30, 30), (29, 80)])
def test_the_activity_window_is_cut_to_the_orders_there_are_and_both_windows_get_the_same(lead, used):
    first = pd.Timestamp(LAUNCH) - pd.Timedelta(days=364 + lead)
    bought = orders([(f"c{k % 12}", first + pd.Timedelta(days=k * 40 / 12), 1) for k in range(240)])
    spans = windows.windows(bought, launched_on=LAUNCH)
    assert spans.season_matched and spans.activity_days == used
    assert (said(spans.note) == "") == (lead == 100)
    retention = compared({"orders": bought}, spans)["retention"]
    assert retention.before.measurable == (lead >= 30)
    assert lead >= 30 or "who was a customer then and who was new, it takes orders" in said(retention.note)


@given(before=st.integers(0, 900), after=st.integers(-40, 900), gap=st.integers(0, 182))
@settings(max_examples=150, deadline=None)
def test_windows_are_always_equal_or_empty_and_never_overlap(before, after, gap):
    launch = pd.Timestamp(LAUNCH)
    days = sorted({launch - pd.Timedelta(days=before), launch + pd.Timedelta(days=after)})
    bought = orders([("a", day, 1) for day in days])
    spans = windows.windows(bought, launched_on=LAUNCH, gap_days=gap)
    assert spans.before_start <= spans.before_end <= launch
    assert launch + pd.Timedelta(days=gap) <= spans.after_start <= spans.after_end
    assert 0 <= spans.days <= 364 and 30 <= spans.activity_days <= 365
    length = (spans.before_end - spans.before_start).days
    assert length in (spans.days, 0)
    assert length > 0 or spans.notes
    if spans.season_matched:
        assert spans.after_start - spans.before_start == pd.Timedelta(days=364)
        assert spans.before_start >= spans.data_start


def test_activity_window_is_twice_the_80th_percentile_of_gaps_before_the_launch():
    days = pd.date_range("2024-01-01", periods=11, freq="20D")
    rows = [("a", day, 1) for day in days] + [("b", "2024-02-01", 1), ("b", "2024-02-01", 1)]
    assert windows.activity_window(orders(rows), until=LAUNCH) == 40
    late = [*rows, *(("a", day, 1) for day in pd.date_range("2025-01-01", periods=30, freq="300D"))]
    assert windows.activity_window(orders(late), until=LAUNCH) == 40
    uneven = [("a", f"2024-{day}", 1) for day in ("01-01", "01-11", "01-31", "03-01", "04-10", "05-30")]
    assert windows.activity_window(orders(uneven), until=LAUNCH) == 84  # gaps 10 to 50: their 80th percentile is 42
    daily = [("a", day, 1) for day in pd.date_range("2024-01-01", periods=50)]
    assert windows.activity_window(orders(daily), until=LAUNCH) == 30
    assert windows.activity_window(orders([("a", "2024-01-01", 1), ("b", "2024-05-01", 1)]), until=LAUNCH) == 365


def test_no_orders_is_an_error_in_plain_words():
    with pytest.raises(client.UserError, match="no orders"):
        windows.windows(orders([]), launched_on=LAUNCH)


def test_last_year_is_cut_only_where_the_days_before_it_fill_an_activity_window():
    long = orders([("a", day, 1) for day in pd.date_range("2023-01-01", "2024-12-31", freq="10D")])
    start, end = windows.last_year(long)
    assert (end - start).days == 364
    short = orders([("a", day, 1) for day in pd.date_range("2024-01-01", "2025-01-10", freq="10D")])
    assert windows.last_year(short)[0] == pd.Timestamp("2024-01-01")


# ---------------------------------------------------------------- every KPI counted by hand
def small_shop() -> tuple[dict[str, pd.DataFrame], windows.Windows]:
    """Activity window 40 days, launch 2025-01-01, after January to April 2025, before the same days of 2024."""
    # regulars: 20 days apart, which gives the activity window of 40
    history = [(who, day, 100) for who in ("r1", "r2") for day in pd.date_range("2023-06-01", "2024-12-31", freq="20D")]
    rows = [
        *history,
        ("x", "2023-11-25", 50),                                             # active in 2023, not retained
        ("y", "2024-12-20", 60), ("y", "2025-02-01", 70),                    # active before the launch, retained
        ("z", "2024-12-21", 60),                                             # active before the launch, not retained
        ("n1", "2025-01-05", 40), ("n1", "2025-01-20", 40),                  # new, second order in time
        ("n2", "2025-01-10", 30),                                            # new, no second order
        ("r1", "2025-03-01", 80), ("r1", "2025-03-01", -30, True),           # a refund
        (None, "2025-03-02", 500),                                           # anonymous
        ("r2", "2025-04-30", 10),
    ]
    category = ["A"] * len(history) + [None, "A", "B", "A", "A", "B", None, "B", "B", "A", "A"]
    frames = {
        "orders": orders(rows, category=category, channel=["web"] * len(rows)),
        "members": pd.DataFrame({
            "customer_id": ["r1", "n1", "left", "late"],
            "joined_at": pd.to_datetime(["2025-01-02", "2025-01-05", "2025-01-02", "2025-08-01"]),
            "left_at": pd.to_datetime([None, None, "2025-02-01", None]), "tier": None}),
        "points": pd.DataFrame({
            "customer_id": ["r1", "n1", "n1", "r1"],
            "at": pd.to_datetime(["2025-03-01", "2025-01-05", "2025-04-01", "2025-04-02"]),
            "kind": ["earn", "earn", "burn", "adjust"], "points": [80.0, 40.0, -20.0, 5.0]}),
        "referrals": pd.DataFrame({
            "referrer_id": ["r1", "r1", "r2", "r2"], "referee_id": ["n1", None, "n2", "n1"],
            "at": pd.to_datetime(["2025-01-05 20:00", "2025-02-01", "2025-01-08", "2025-01-03"], format="ISO8601")}),
        "survey": pd.DataFrame({
            "answered_at": pd.to_datetime(["2024-12-01"] * 4 + ["2025-04-01"] * 4), "wave": None, "customer_id": None,
            "nps": [10, 9, 7, 0, 10, 10, 9, 8], "csat": [5, 4, 3, 1, 5, 5, 4, 2],
            "ces": [7.0, 6.0, np.nan, 2.0, 7.0, 7.0, 7.0, 6.0]}),
    }
    return frames, windows.windows(frames["orders"], launched_on=LAUNCH)


def test_every_definition_counted_by_hand():
    frames, spans = small_shop()
    assert spans.season_matched and spans.activity_days == 40
    found = compared(frames, spans)
    after = {kpi: (one.after.estimate, one.after.n) for kpi, one in found.items() if one.after.measurable}
    expected = {
        "retention": (3 / 4, 4),            # r1, r2, y of r1, r2, y, z
        "churn": (1 / 4, 4),
        "repeat_rate": (1 / 5, 5),          # n1 of y, n1, n2, r1, r2
        "second_order_90d": (1 / 2, 2),     # n1 of n1, n2
        "cross_sell": (1 / 4, 4),           # n1 of y, n1, r1, r2; nothing is known of n2
        "diversity": (5 / 4, 4),
        "frequency": (6 / 5, 5),
        "order_value": ((70 + 40 + 40 + 30 + 80 - 30 + 500 + 10) / 7, 7),
        "nps": (75, 4),
        "csat": (3 / 4, 4),
        "ces": (6.75, 4),
        "referrer_rate": (2 / 5, 5),
        "referral_conversion": (2 / 4, 4),  # n1 counts for one of the two who named her
        "referred_share": (1.0, 2),
        "enrolment": (2 / 5, 5),            # r1 and n1 of the five; who left by the end is no member
        "active_members": (1.0, 2),         # both in the last 90 days
        "redemption_members": (1 / 2, 2),
        "redemption_points": (20 / 120, 2),
    }
    assert {kpi: pytest.approx(value) for kpi, value in expected.items()} == after
    before = found["retention"].before
    assert (before.estimate, before.n) == (pytest.approx(2 / 3), 3)  # r1, r2 of r1, r2, x
    assert found["nps"].before.estimate == 25
    assert said(found["breakage"].after.note) == "it takes ten members with points that are 30 days old"


def test_second_orders_are_counted_in_fully_observed_cohorts_only():
    start = pd.date_range("2023-01-01", "2025-07-01", freq="7D")
    rows = [(f"c{k}", day, 1) for k, day in enumerate(start)]
    rows += [(f"c{k}", day + pd.Timedelta(days=89), 1) for k, day in enumerate(start) if day >= pd.Timestamp(LAUNCH)]
    spans = windows.windows(orders(rows), launched_on=LAUNCH, data_end=dt.date(2025, 7, 2))
    one = compared({"orders": orders(rows)}, spans)["second_order_90d"]
    # 182 days, of which the first 92 are followed for 90 days: 13 or 14 weekly newcomers in each wave, all or none
    assert (one.before.estimate, one.after.estimate) == (0, 1)
    assert {one.before.n, one.after.n} <= {13, 14}


def test_kaplan_meier_takes_over_where_hardly_any_cohort_is_complete():
    first = pd.date_range("2023-01-01", "2025-04-05", freq="D")
    rows = [(f"c{k}", day, 1) for k, day in enumerate(first)]
    rows += [(f"c{k}", day + pd.Timedelta(days=60), 1) for k, day in enumerate(first) if k % 2]
    bought = orders([row for row in rows if pd.Timestamp(row[1]) <= pd.Timestamp("2025-04-10")])
    one = compared({"orders": bought}, windows.windows(bought, launched_on=LAUNCH))["second_order_90d"]
    assert one.after.estimate == pytest.approx(0.5, abs=0.05)
    assert one.after.n > 11  # newcomers who are not followed for 90 days count for what was seen of them


def test_newcomers_are_told_with_equal_hindsight_in_both_windows():
    # somebody who buys every 500 days is old in neither wave or in both, not only in the one with the longer past
    rows = [("r", day, 1) for day in pd.date_range("2023-10-01", "2025-12-01", freq="15D")]
    rows += [("slow", "2023-10-02", 1), ("slow", "2025-02-13", 1)]
    frames = {"orders": orders(rows), "referrals": pd.DataFrame({
        "referrer_id": ["r"], "referee_id": ["slow"], "at": pd.to_datetime(["2023-10-01"])})}
    spans = windows.windows(frames["orders"], launched_on=LAUNCH)
    assert compared(frames, spans)["referred_share"].after.n == 1


def test_before_and_after_are_split_at_the_launch_and_undated_answers_by_their_wave():
    frames, spans = small_shop()
    survey = frames["survey"].assign(answered_at=pd.NaT, wave=["Before"] * 4 + ["after "] * 4)
    dated, named = compared(frames, spans), compared(frames | {"survey": survey}, spans)
    assert dated["nps"].estimate == named["nps"].estimate == 50
    assert dated["nps"].before.n == named["nps"].before.n == 4


def test_declared_scales_turn_satisfaction_and_effort_round():
    frames, spans = small_shop()
    found = compared(frames, spans, scales={"csat": (5.0, 1.0), "ces": (7.0, 1.0)})
    assert found["csat"].after.estimate == 1 / 4
    assert not found["ces"].higher_is_better
    assert compared(frames, spans)["ces"].higher_is_better
    assert "mean answer 3.25 to 4.00: +0.75" in said(compared(frames, spans)["csat"].note)


def test_lines_tell_categories_where_there_are_any():
    frames, spans = small_shop()
    last = frames["orders"].iloc[-1]["order_id"]
    lines = pd.DataFrame({"order_id": [last, last, last], "category": ["A", "B", "C"], "product": None,
                          "quantity": 1.0, "amount": 1.0})
    after = compared(frames | {"lines": lines}, spans)["diversity"].after
    assert (after.estimate, after.n) == (3, 1)


def test_every_anonymous_order_is_a_unit_of_its_own():
    amounts = np.random.default_rng(6).lognormal(4, 0.5, 40)
    days = pd.date_range("2024-06-01", periods=40)
    nameless, named = (orders([(f"c{k}" if known else None, day, amount) for k, (day, amount) in enumerate(
        zip(days, amounts, strict=True))]) for known in (False, True))
    intervals_of = [kpis.levels({"orders": frame}, days[0], days[-1] + DAY, currency="CNY")["order_value"]
                    for frame in (nameless, named)]
    assert intervals_of[0].high - intervals_of[0].low == pytest.approx(
        intervals_of[1].high - intervals_of[1].low, rel=0.15)


def test_referrals_recorded_in_part_of_the_time_before_are_not_compared():
    frames, spans = small_shop()
    for first, known in (("2024-01-20", True), ("2024-03-01", False)):
        more = pd.concat([frames["referrals"], pd.DataFrame({
            "referrer_id": ["r1"], "referee_id": ["x"], "at": [pd.Timestamp(first)]})])
        one = compared(frames | {"referrals": more}, spans)["referrer_rate"]
        assert one.before.measurable == known
        assert known or said(one.note) == f"referrals are recorded from {first} on only"


def test_identical_customers_in_both_windows_are_compared_as_pairs():
    people = [f"c{k}" for k in range(12)]
    rows = [(who, day, 1) for who in people for day in ("2024-02-01", "2025-02-01")]
    rows += [(who, "2025-02-10", 1) for who in people[:4]] + [("c11", "2024-02-10", 1), ("e", "2023-01-01", 1)]
    rows += [("c0", "2025-03-01", 1)]
    found = compared({"orders": orders(rows)}, windows.windows(orders(rows), launched_on=LAUNCH))
    assert found["repeat_rate"].method.startswith("Agresti-Min")
    assert found["repeat_rate"].estimate == pytest.approx(4 / 12 - 1 / 12)


def test_breakage_follows_points_by_age_and_leaves_young_ones_out():
    # 20 members earn 100 points; those of ten expire at age 35 days, the others spend 60 at age 65, the rest expires
    rows = [(f"m{k}", "2025-01-01", "earn", 100.0) for k in range(20)]
    rows += [(f"m{k}", "2025-02-05", "expire", -100.0) for k in range(10)]
    rows += [(f"m{k}", "2025-03-07", "burn", -60.0) for k in range(10, 20)]
    rows += [(f"m{k}", "2025-04-06", "expire", -40.0) for k in range(10, 20)]
    rows += [(f"m{k}", "2025-05-16", "earn", 1000.0) for k in range(20)]  # 45 days old: too young for the second month
    ledger = pd.DataFrame(rows, columns=["customer_id", "at", "kind", "points"])
    ledger["at"] = pd.to_datetime(ledger["at"])
    bought = orders([("m1", day, 1) for day in pd.date_range("2023-01-01", "2025-06-30", freq="30D")])
    spans = windows.windows(bought, launched_on=LAUNCH, data_end=dt.date(2025, 7, 1))
    one = compared({"orders": bought, "points": ledger}, spans)["breakage"].after
    assert one.estimate == pytest.approx(0.7)
    # half of twenty redeem 60 %: standard error 0.6 sqrt(0.25 / 20) = 0.067
    assert one.low == pytest.approx(0.7 - 1.96 * 0.067, abs=0.03)
    assert one.high == pytest.approx(0.7 + 1.96 * 0.067, abs=0.03)
    assert "the 0 % still unspent" in said(one.note)


def test_oldest_points_are_spent_first():
    ledger = pd.DataFrame({
        "customer_id": "m", "at": pd.to_datetime(["2025-01-01", "2025-01-10", "2025-01-20", "2025-02-01"]),
        "kind": ["earn", "earn", "burn", "expire"], "points": [50.0, 30.0, -60.0, -10.0]})
    pieces = measures._point_pieces(ledger, pd.Timestamp("2025-03-01"))
    told = [(points, earned.day, kind) for points, earned, kind in zip(
        pieces["points"], pieces["earned_at"], pieces["kind"].fillna("there"), strict=True)]
    assert told == [(50, 1, "burn"), (10, 10, "burn"), (10, 10, "expire"), (10, 10, "there")]


# ---------------------------------------------------------------- the set of changes
def test_every_kpi_has_one_definition_and_one_row(changes):
    assert set(kpis.DEFINITIONS) == set(client.KPIS)
    assert sorted(change.kpi for change in changes) == sorted(client.KPIS)
    codebook = in_words(kpis.definitions())
    assert codebook["label"].is_unique and (codebook != "").all(axis=None) and len(codebook) == len(client.KPIS)
    assert codebook.loc[0, "label"] == said(label("retention")) == "customer retention rate"


def test_levels_differ_by_the_change_and_lie_in_their_intervals(changes):
    for one in changes:
        if one.verdict == "not measurable":
            assert one.note
            continue
        assert one.estimate == pytest.approx(one.after.estimate - one.before.estimate)
        for found in (one, one.before, one.after):
            assert found.low <= found.estimate <= found.high
        if one.unit == "share":
            assert 0 <= one.before.low <= one.before.high <= 1
            assert -1 <= one.low <= one.high <= 1


def test_holm_over_all_but_the_primary_one(shop, spans):
    for primary in ("retention", "churn", "frequency"):
        changes = kpis.compare(shop.frames, spans, primary=primary, currency="CNY")
        rows = kpis.table(changes)
        assert rows["primary"].sum() == 1
        others = rows[~rows["primary"] & rows["p_value"].notna()]
        assert others["p_adjusted"].tolist() == pytest.approx(multipletests(others["p_value"], method="holm")[1])
        first = rows[rows["primary"]].iloc[0]
        assert first["p_adjusted"] == first["p_value"]
        found = by_kpi(changes)
        # mirrored: one test, and words that do not contradict each other
        assert found["churn"].p_adjusted == found["retention"].p_adjusted
        assert {found["churn"].verdict, found["retention"].verdict} in ({"no evidence"}, {"up", "down"})
        assert np.isnan(found["churn"].p_value) != np.isnan(found["retention"].p_value)
        assert found["churn"].estimate == pytest.approx(-found["retention"].estimate)


def test_changes_measured_elsewhere_join_the_adjustment(shop, spans, changes):
    level = Finding(label="customer loyalty index", unit="score", estimate=50.0)
    extra = Change(kpi="loyalty_index", label=level.label, unit="score", estimate=1.0, low=0.5, high=1.5, before=level,
                   after=level, p_value=1e-12)
    joined = kpis.compare(shop.frames, spans, primary="retention", currency="CNY", extra=[extra])
    assert [one.kpi for one in joined].count("loyalty_index") == 1
    tests = sum(np.isfinite(one.p_value) and not one.primary for one in joined)
    assert by_kpi(joined)["loyalty_index"].p_adjusted == pytest.approx(1e-12 * tests)
    assert tests == sum(np.isfinite(one.p_value) and not one.primary for one in changes) + 1


def test_an_unknown_primary_kpi_is_refused_with_a_suggestion(shop, spans):
    with pytest.raises(client.UserError, match="Did you mean 'retention'"):
        kpis.compare(shop.frames, spans, primary="retentoin", currency="CNY")


def test_the_order_of_rows_does_not_matter_and_nothing_is_changed(shop, spans, changes):
    frames = {name: frame.sample(frac=1, random_state=1) for name, frame in shop.frames.items()}
    kept = {name: frame.copy() for name, frame in frames.items()}
    again = kpis.compare(frames, windows.windows(frames["orders"], launched_on=shop.launched_on), primary="retention",
                         currency="CNY")
    pd.testing.assert_frame_equal(kpis.table(again), kpis.table(changes))
    for name in frames:
        pd.testing.assert_frame_equal(frames[name], kept[name])


def test_the_table_is_that_of_the_design(changes):
    assert list(kpis.table(changes).columns) == [
        "kpi", "unit", "before", "before_low", "before_high", "n_before", "after", "after_low", "after_high", "n_after",
        "change", "change_low", "change_high", "p_value", "p_adjusted", "primary", "method", "verdict"]


def test_small_samples_come_with_the_chance_of_an_improvement():
    few = simulate.shop(customers=80, seed=4)
    found = compared(few.frames, windows.windows(few.orders, launched_on=few.launched_on))
    retention = found["retention"]
    assert retention.before.n < 100
    hits = [(round(level.estimate * level.n), level.n) for level in (retention.before, retention.after)]
    (k0, n0), (k1, n1) = hits
    exact, _ = integrate.quad(lambda x: stats.beta.pdf(x, k1 + .5, n1 - k1 + .5) * stats.beta.cdf(
        x, k0 + .5, n0 - k0 + .5), 0, 1)
    assert retention.chance_improved == pytest.approx(exact, abs=1e-3)
    assert found["churn"].chance_improved == pytest.approx(exact, abs=1e-3)  # fewer leave: that is better
    assert np.isnan(found["frequency"].chance_improved)


def test_large_samples_do_not(changes):
    for one in changes:
        if min(one.before.n, one.after.n) >= 100:
            assert np.isnan(one.chance_improved)


def test_channels_are_shops_of_their_own(shop, spans):
    rows = kpis.by_channel(shop.frames, spans, currency="CNY")
    assert len(rows) == 3 * shop.orders["channel"].nunique()
    one = rows[(rows["channel"] == "WeChat") & (rows["kpi"] == "frequency")].iloc[0]
    inside = shop.orders[(shop.orders["channel"] == "WeChat") & ~shop.orders["is_refund"]
                         & shop.orders["customer_id"].notna() & (shop.orders["ordered_at"] >= spans.after_start)]
    assert one["after"] == pytest.approx(len(inside) / inside["customer_id"].nunique())
    assert one["n_after"] == inside["customer_id"].nunique()
    assert kpis.by_channel({"orders": shop.orders.assign(channel=None)}, spans, currency="CNY").empty


def test_readings_against_thresholds_need_the_whole_interval(changes):
    after = by_kpi(changes)["retention"].after
    low, middle, high = after.low - 0.01, after.estimate, after.high + 0.01
    for limits, reading in (({"min": low}, "met"), ({"min": middle}, "unsure"), ({"min": high}, "missed"),
                            ({"max": high}, "met"), ({"max": low}, "missed")):
        row = kpis.against_thresholds(changes, {"retention": limits}).iloc[0]
        assert (row["kpi"], row["value"], row["threshold"]) == ("retention", after.estimate, *limits.values())
        assert (row["side"], row["reading"]) == (*limits, reading)
    both = kpis.against_thresholds(changes, {"nps": {"min": 0, "max": 50}, "loyalty_index": {"min": 40}})
    assert (both["reading"] == "unmeasured").tolist() == [False, False, True]


def test_retention_is_stressed_with_half_and_twice_the_activity_window(shop, spans, changes):
    rows = kpis.activity_stress(shop.frames, spans)
    assert rows["activity_days"].tolist() == [round(spans.activity_days * f) for f in (0.5, 1, 2)]
    assert rows["change"][1] == by_kpi(changes)["retention"].estimate
    assert rows["n_before"].is_monotonic_increasing


def test_without_a_launch_there_are_levels(shop):
    found = kpis.levels(shop.frames, *windows.last_year(shop.orders), currency="CNY")
    assert len(found) == len(client.KPIS) - 1  # the index is the scoring room's
    assert not any(isinstance(one, Change) for one in found.values())
    short = shop.orders[shop.orders["ordered_at"] >= "2024-12-10"]
    start, end = windows.last_year(short)
    retention = kpis.levels({"orders": short}, start, end, currency="CNY")["retention"]
    days = windows.activity_window(short, until=end)
    assert retention.measurable and f"seen over the last {days} days" in said(retention.note)


# ---------------------------------------------------------------- small and strange shops
def strange_shops():
    few, middle = simulate.shop(customers=60, seed=1), simulate.shop(customers=400, seed=2)
    bought, unknown = middle.orders, pd.Series(np.nan, index=middle.orders.index, dtype="str")
    last = bought["ordered_at"].max()
    month = bought[bought["ordered_at"].between("2025-02-15", "2025-03-15")]
    yield "60 customers", few.frames, few.launched_on, 0
    yield "orders only", {"orders": few.orders}, few.launched_on, 28
    yield "one month", {"orders": month}, middle.launched_on, 0
    yield "nobody buys twice", middle.frames | {"orders": bought.drop_duplicates("customer_id")}, middle.launched_on, 0
    yield "anonymous before", middle.frames | {"orders": bought.assign(
        customer_id=bought["customer_id"].where(bought["ordered_at"] >= "2025-02-01"))}, middle.launched_on, 0
    yield "anonymous", middle.frames | {"orders": bought.assign(customer_id=unknown)}, middle.launched_on, 0
    yield "one category", {"orders": bought.assign(category="A")}, middle.launched_on, 0
    yield "no category", {"orders": bought.assign(category=unknown, channel=unknown)}, middle.launched_on, 0
    yield "empty tables", {"orders": bought} | {name: frame.iloc[:0] for name, frame in middle.frames.items()
                                               if name != "orders"}, middle.launched_on, 0
    yield "launched three days ago", middle.frames, (last - pd.Timedelta(days=3)).date(), 0
    yield "launched three days ago with a gap", middle.frames, (last - pd.Timedelta(days=3)).date(), 14
    yield "launch to come", middle.frames, (last + pd.Timedelta(days=90)).date(), 0
    yield "launched before the data", middle.frames, dt.date(2020, 1, 1), 0
    yield "a year of history", middle.frames | {"orders": bought[bought["ordered_at"] >= "2024-03-01"]}, LAUNCH, 0
    yield "one order", {"orders": bought[~bought["is_refund"]].head(1)}, dt.date(2023, 3, 20), 0


@pytest.mark.parametrize(("frames", "launch", "gap"), [pytest.param(*rest, id=name) for name, *rest in strange_shops()])
def test_strange_shops_are_told_the_truth_without_a_warning(frames, launch, gap):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spans = windows.windows(frames["orders"], launched_on=launch, gap_days=gap)
        found = kpis.compare(frames, spans, primary="retention", currency="CNY")
        rows = in_words(kpis.table(found))
        described = kpis.levels(frames, *windows.last_year(frames["orders"]), currency="CNY")
        told = in_words(kpis.traps(frames, spans))
        kpis.by_channel(frames, spans, currency="CNY")
        kpis.activity_stress(frames, spans)
    assert len(rows) == len(client.KPIS) and rows["primary"].sum() == 1
    assert (rows.loc[rows["verdict"] == "not measurable", "method"].str.len() > 10).all()
    for one in [*found, *described.values()]:
        assert said(one) and "nan" not in said(one).lower().replace("finance", "")
        assert one.measurable or one.note
    assert told.notna().all(axis=None) and set(told["grade"]) <= {"fine", "worth knowing", "distorts results"}


# ---------------------------------------------------------------- traps
def trap(frames, spans, check) -> pd.Series:
    rows = in_words(kpis.traps(frames, spans)).set_index("check")
    return rows.loc[next(name for name in rows.index if check in name)]


def test_a_harmless_shop_falls_into_few_traps(shop, spans):
    for check in ("season", "holidays", "truncation", "Anonymous", "ceiling", "row"):
        assert trap(shop.frames, spans, check)["grade"] == "fine", check


def test_traps_bite(shop, spans):
    frames, bought = shop.frames, shop.orders
    recent = bought[bought["ordered_at"] >= "2024-12-15"]
    short = windows.windows(recent, launched_on=shop.launched_on)
    assert trap({"orders": recent}, short, "season")["grade"] == "distorts results"
    assert trap({"orders": recent}, short, "truncation")["grade"] == "distorts results"
    # 2025's New Year lies before the launch of 2025-02-01, 2024's lies in the window a year earlier
    feast = windows.windows(bought, launched_on=dt.date(2025, 2, 3))
    assert trap(frames, feast, "holidays")["grade"] == "worth knowing"
    assert "not yet observed" in trap(frames, spans, "censoring")["found"]
    listed = frames["members"].iloc[::2]
    assert trap(frames | {"members": listed}, spans, "Survivors")["grade"] == "distorts results"
    hidden = bought.assign(customer_id=bought["customer_id"].where(
        (bought["ordered_at"] >= spans.after_start) | (np.arange(len(bought)) % 5 > 0)))
    assert trap({"orders": hidden}, spans, "Anonymous")["grade"] == "distorts results"
    assert trap(frames, spans, "Self-selection")["grade"] == "distorts results"
    assert trap({"orders": bought}, spans, "Self-selection")["grade"] == "fine"
    happy = frames["survey"].assign(csat=5.0)
    assert "csat: 100 % gave 5" in trap(frames | {"survey": happy}, spans, "ceiling")["found"]
    free = bought.head(30).assign(amount=0.0, is_refund=True)
    assert "; 30 orders that came to nothing; " in trap({"orders": pd.concat([bought, free])}, spans, "row")["found"]


# ---------------------------------------------------------------- intervals against oracles
counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts, st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=200, deadline=None)
def test_wilson_and_newcombe_are_those_of_statsmodels(before, after, confidence):
    was, now = Share(*before), Share(*after)
    level = now.level(confidence)
    assert (level.low, level.high) == pytest.approx(proportion_confint(*after, 1 - confidence, "wilson"), abs=1e-9)
    assert 0 <= level.low <= level.estimate <= level.high <= 1
    change = now.change_from(was, confidence)
    assert (change.low, change.high) == pytest.approx(confint_proportions_2indep(
        *after, *before, method="newcomb", alpha=1 - confidence), abs=1e-9)
    assert -1 <= change.low <= change.estimate <= change.high <= 1
    # the p-value and the interval never disagree
    if abs(change.p_value - (1 - confidence)) > 1e-6:
        assert (change.p_value < 1 - confidence) == (not change.low <= 0 <= change.high)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_pairs_stay_within_bounds_and_agree_with_their_p_value(pairs):
    before, after = (pd.Series([pair[k] for pair in pairs]) for k in (0, 1))
    change = Share.of(after).change_from(Share.of(before), 0.95)
    assert change.method.startswith("Agresti-Min")
    assert -1 <= change.low <= change.estimate <= change.high <= 1
    assert (change.p_value < 0.05) == (not change.low <= 0 <= change.high)


def test_agresti_min_by_hand():
    # 40 pairs, 10 gained and 3 lost: 7/42 -+ 1.96 sqrt(14 - 49/42) / 42 = 0.166667 -+ 1.959964 x 0.0852944
    before = pd.Series([False] * 10 + [True] * 3 + [True] * 27)
    after = pd.Series([True] * 10 + [False] * 3 + [True] * 27)
    change = intervals.agresti_min(before, after, 0.95)
    assert (change.estimate, change.low, change.high) == pytest.approx((0.175, -0.000507, 0.333840), abs=1e-6)


@given(st.lists(st.tuples(st.integers(1, 120), st.booleans()), min_size=2, max_size=80))
@settings(max_examples=100, deadline=None)
def test_kaplan_meier_is_that_of_statsmodels(spells):
    days, happened = np.array([spell[0] for spell in spells], float), np.array([spell[1] for spell in spells])
    if not (days >= 90).any():
        return
    oracle = SurvfuncRight(days, happened.astype(int))
    reached = oracle.surv_times <= 90
    survival = oracle.surv_prob[reached][-1] if reached.any() else 1.0
    found = intervals.kaplan_meier(days, happened, horizon=90)
    assert found.hits / found.n == pytest.approx(1 - survival)
    if 0 < survival < 1:
        p = found.hits / found.n
        assert np.sqrt(p * (1 - p) / found.n) == pytest.approx(oracle.surv_prob_se[reached][-1])


def test_kaplan_meier_without_censoring_is_a_share_and_without_follow_up_nothing():
    found = intervals.kaplan_meier(np.array([10., 50, 95, 120, 200]), np.array([True, True, True, False, True]),
                                   horizon=90)
    assert (found.hits, found.n) == pytest.approx((2, 5))
    with pytest.raises(ValueError, match="horizon"):
        intervals.kaplan_meier(np.array([10., 20]), np.array([True, False]), horizon=90)


@given(st.lists(st.sampled_from([0.0, 1e-9, 0.001, 0.012, 0.02, 0.3, 0.7, 1.0, np.nan]), min_size=1, max_size=20))
@settings(max_examples=15, deadline=None)  # statsmodels collects garbage at every call
def test_holm_is_that_of_statsmodels(p_values):
    found, known = intervals.holm(p_values), np.isfinite(p_values)
    assert np.isnan(found[~known]).all()
    if known.any():
        assert found[known] == pytest.approx(multipletests(np.array(p_values)[known], method="holm")[1])


def test_welch_is_that_of_scipy_for_large_samples():
    rng = np.random.default_rng(0)
    was, now = rng.integers(1, 6, 150).astype(float), rng.integers(2, 6, 220).astype(float)
    change = Mean(now, range(1, 6)).change_from(Mean(was, range(1, 6)), 0.9)
    oracle = stats.ttest_ind(now, was, equal_var=False)
    assert change.p_value == pytest.approx(oracle.pvalue)
    assert (change.low, change.high) == pytest.approx(tuple(oracle.confidence_interval(0.9)))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=150), st.lists(st.integers(1, 5), min_size=1, max_size=150))
@settings(max_examples=100, deadline=None)
def test_means_of_answers_never_become_certain_nor_leave_their_scale(before, after):
    was, now = (Mean(np.array(values, float), range(1, 6)) for values in (before, after))
    level, change = now.level(0.95), now.change_from(was, 0.95)
    assert 1 <= level.low <= level.estimate <= level.high <= 5 and level.low < level.high
    assert -4 <= change.low <= change.estimate <= change.high <= 4 and change.low < change.high


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 9)), min_size=10, max_size=60), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_ratios_hold_their_estimate_and_agree_with_their_p_value(customers, offset):
    top, bottom = pd.Series([float(c[0]) for c in customers]), pd.Series([float(c[1]) for c in customers])
    now, was = Ratio(top, bottom), Ratio((top * 1.1).set_axis(top.index + offset), bottom.set_axis(top.index + offset))
    level, change = now.level(0.95), now.change_from(was, 0.95)
    assert level.estimate == pytest.approx(top.sum() / bottom.sum())
    if np.isfinite(level.low):
        assert level.low < level.high
    if np.isfinite(change.low):
        assert change.low <= change.estimate <= change.high
        assert (change.p_value < 0.05) == (not change.low <= 0 <= change.high)


def test_a_bootstrap_claims_nothing_from_few_or_identical_customers():
    ones = pd.Series(1.0, index=range(40))
    for ratio in (Ratio(ones, ones), Ratio(pd.Series([1.0, 2, 3]), pd.Series([1.0, 1, 1]))):
        assert np.isnan(ratio.level(0.95).low) and np.isnan(ratio.change_from(ratio, 0.95).low)


def test_customers_of_both_periods_are_drawn_together():
    # everybody spends 10 more than before: differences between customers are large, but the change is not in doubt
    rng = np.random.default_rng(3)
    spent, ones = pd.Series(rng.lognormal(4, 1, 200)), pd.Series(1.0, index=range(200))
    noise = pd.Series(rng.normal(0, 1, 200))
    same = Ratio(spent + 10 + noise, ones).change_from(Ratio(spent, ones), 0.95)
    others = Ratio((spent + 10 + noise).set_axis(range(200, 400)), ones.set_axis(range(200, 400))).change_from(
        Ratio(spent, ones), 0.95)
    assert same.high - same.low < 1 and others.high - others.low > 20


def test_grouped_units_give_the_interval_of_single_ones(monkeypatch):
    rng = np.random.default_rng(4)
    ratio = Ratio(pd.Series(rng.lognormal(4, 1, 4000)), pd.Series(1.0, index=range(4000)))
    grouped = ratio.level(0.95)
    monkeypatch.setattr(intervals, "MOST_UNITS", 5000)
    single = ratio.level(0.95)
    assert grouped.high - grouped.low == pytest.approx(single.high - single.low, rel=0.1)


def test_what_is_never_spent_by_hand():
    # of 100 points 20 are spent and 10 expire in the first month; of the 70 left 35 are spent in the second
    one = Unspent(np.array([[100.0, 70.0]]), np.array([[20.0, 35.0]]), np.array([[10.0, 0.0]]))
    assert one.level(0.95).estimate == pytest.approx(0.45)
    assert one.left == pytest.approx(0.35)


# ---------------------------------------------------------------- coverage at 30 customers
def test_coverage_of_a_change_in_retention_is_exact_enumeration():
    n, k = 30, np.arange(31)
    covers = np.zeros((31, 31, 2))
    for was in k:
        for now in k:
            change = Share(now, n).change_from(Share(was, n), 0.95)
            covers[was, now] = change.low, change.high
    for p in (0.1, 0.2, 0.3, 0.4, 0.5, 0.7):
        for change in (-0.3, -0.1, 0, 0.05, 0.1, 0.2, 0.3):
            q = p + change
            if not 0.05 <= q <= 0.95:
                continue
            inside = (covers[..., 0] <= change) & (change <= covers[..., 1])
            rate = (stats.binom.pmf(k, n, p)[:, None] * stats.binom.pmf(k, n, q) * inside).sum()
            assert 0.94 <= rate <= 0.98, (p, q)


@pytest.mark.parametrize("shares", [(0.5, 0.2), (0.7, 0.05), (0.3, 0.4), (0.85, 0.05)])
def test_coverage_of_a_change_in_nps(shares):
    promoters, detractors = shares
    rng = np.random.default_rng(11)
    answers = rng.choice([-100.0, 0.0, 100.0], p=[detractors, 1 - promoters - detractors, promoters],
                         size=(1500, 2, 30))
    found = [Mean(now, (-100, 0, 100)).change_from(Mean(was, (-100, 0, 100)), 0.95) for was, now in answers]
    # 1,500 runs: two standard errors are about one point
    assert 0.93 <= np.mean([one.low <= 0 <= one.high for one in found]) <= 0.99


def test_coverage_of_a_change_in_order_value(monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 400)
    rng, hits, runs = np.random.default_rng(12), 0, 600
    for _ in range(runs):
        parts, basket = [], rng.lognormal(4, 0.7, 45)
        for here in (slice(0, 30), slice(15, 45)):  # 30 customers in each period, 15 of them in both
            bought = 1.0 + rng.poisson(rng.gamma(1, 1.5, 45))
            spent = bought * basket * rng.lognormal(0, 0.4, 45)
            parts.append(Ratio(pd.Series(spent)[here], pd.Series(bought)[here]))
        change = parts[1].change_from(parts[0], 0.95)
        hits += change.low <= 0 <= change.high
    assert 0.93 <= hits / runs <= 0.985
