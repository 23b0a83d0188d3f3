"""The action list: by hand, in random shops, without those who opted out, and in sentences that hold."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_helpers import action_charts, actions, privacy, rhythm, scoring, tables
from loyalty_helpers.core.errors import UserError

AS_OF = datetime(2025, 1, 1)
STANDARD = actions.load_actions()


def orders(*rows: tuple) -> pd.DataFrame:
    """Canonical orders from (customer, days ago, amount); a negative amount is a refund, customer None is anonymous."""
    frame = pd.DataFrame(rows, columns=["customer_id", "ago", "amount"])
    when = [AS_OF - timedelta(days=float(ago)) for ago in frame["ago"]]
    return pd.DataFrame({
        "order_id": [f"o{i}" for i in range(len(frame))], "customer_id": frame["customer_id"].astype("str"),
        "ordered_at": pd.Series(when, dtype="datetime64[us]"), "amount": frame["amount"].astype("float64"),
        "is_refund": frame["amount"].astype("float64") < 0, "category": pd.Series(None, index=frame.index, dtype="str"),
        "rating": np.nan})


def outlook(ids: list[str], **columns) -> pd.DataFrame:
    """A forecast; what is not given is unknown."""
    plain = dict.fromkeys(["expected_orders", "chance_to_buy", "still_customer", "usual_orders", "order_value"], np.nan)
    return pd.DataFrame({"customer_id": pd.Series(ids, dtype="str")} | plain).assign(**columns)


def listing(rows: pd.DataFrame, forecast: pd.DataFrame | None = None, **options) -> pd.DataFrame:
    customers = tables.customers(rows, as_of=AS_OF.date())
    scored = (scoring.rfm(customers).merge(scoring.loyalty_score(customers)[["customer_id", "score"]], on="customer_id")
              .merge(scoring.levels(customers), on="customer_id"))
    forecast = outlook(customers["customer_id"].tolist()) if forecast is None else forecast
    return actions.action_list(customers, scored, rhythm.rhythm(rows, as_of=AS_OF.date()), forecast,
                               **{"actions": STANDARD, "opt_outs": None} | options)


def shop(rate: float = 0.0, margin: float | None = None, smallest_cell: int = 1) -> SimpleNamespace:
    """The settings that sentences about the list need."""
    return SimpleNamespace(currency="CNY", audience="shared", smallest_cell=smallest_cell,
                           program=SimpleNamespace(owner_hourly_rate=rate, gross_margin=margin))


SMALL = orders(*[("late", ago, 100) for ago in (400, 210, 180, 150, 120, 120)], ("late", 119, -30),
               *[("fine", ago, 500) for ago in (150, 120, 90, 60, 29.5)], ("once", 20, 80), ("twice", 300, 40),
               ("twice", 290, 40), (None, 1, 999), ("refund", 5, -10))
FORECAST = outlook(["fine", "late", "once", "twice"], expected_orders=[3.0, 0.9, 0.5, 0.1],
                   chance_to_buy=[0.9, 0.5, 0.4, 0.1], still_customer=[0.9, 0.5, 1.0, 0.2],
                   usual_orders=[3.5, 2.0, 0.6, 0.5], order_value=[500.0, 90.0, 80.0, 40.0])


# ---------------------------------------------------------------- the table that a client can edit
def test_every_segment_of_every_scheme_has_an_action():
    table = actions.load_actions()
    assert {(scheme, name) for scheme, (_, names) in scoring.SCHEMES.items() for name in names} == set(
        zip(table["scheme"], table["segment"], strict=True))
    assert (table["action"].str.len() > 20).all()


def test_a_client_replaces_actions_by_a_file_of_its_own(tmp_path):
    own = tmp_path / "actions.csv"
    own.write_text("scheme,segment,action\nRFM segment,Lost,Call them\nRFM segment,Loyal,\n", "utf-8-sig")
    changed = actions.load_actions(tmp_path).set_index(["scheme", "segment"])["action"]
    standard = actions.load_actions().set_index(["scheme", "segment"])["action"]
    assert changed["RFM segment", "Lost"] == "Call them"
    assert changed.drop(("RFM segment", "Lost")).sort_index().equals(
        standard.drop(("RFM segment", "Lost")).sort_index())
    own.write_text("scheme,segment,action\nRFM segment,Losst,Call them\n")
    with pytest.raises(UserError, match=r"row 2, column segment: 'Losst'.*Did you mean 'Lost'"):
        actions.load_actions(tmp_path)
    own.write_text("scheme,segment,action\nRFM,Lost,Call them\n")
    with pytest.raises(UserError, match=r"row 2, column scheme: 'RFM'"):
        actions.load_actions(tmp_path)
    own.write_text("segment,action\nLost,Call them\n")
    with pytest.raises(UserError, match="needed: scheme, segment, action"):
        actions.load_actions(tmp_path)
    own.write_bytes("scheme,segment,action\nRFM segment,Lost,打电话\n".encode("gb18030"))
    with pytest.raises(UserError, match="UTF-8"):
        actions.load_actions(tmp_path)



# ---------------------------------------------------------------- the list
def test_the_list_by_hand_where_the_chance_is_known():
    listed = listing(SMALL, FORECAST, gross_margin=0.5).set_index("customer_id")
    assert listed.index.tolist() == ["late", "fine", "once", "twice"]
    late = listed.loc["late"]
    assert (late["usual_value"], late["value_at_risk"], late["value_of_acting"]) == (90, 45, 22.5)  # 2 x 90 x 0.5
    assert listed.loc["twice", ["usual_value", "value_at_risk", "value_of_acting"]].tolist() == [10, 8, 0]  # p of 0.2:
    # gone, more likely than not
    fine = listed.loc["fine"]  # silent for 29 days of a usual 30: nothing to ask yet, whatever a model doubts
    assert fine["value_at_risk"] == 87.5 and fine["value_of_acting"] == 0
    assert listed.loc["once", ["still_customer", "value_at_risk"]].isna().all()  # one order tells nothing of staying
    revenue = listing(SMALL, FORECAST).set_index("customer_id")
    assert (revenue["value_of_acting"] == 2 * listed["value_of_acting"]).all()


def test_who_is_late_without_a_usual_gap_is_told_by_the_pace_of_the_forecast():
    rows = orders(("a", 50, 10), ("b", 40, 10), ("a", 150, 10), ("b", 150, 10))
    forecast = outlook(["a", "b"], still_customer=[0.5, 0.5], usual_orders=[2.0, 2.0], order_value=[10.0, 10.0])
    listed = listing(rows, forecast)  # two orders in 91 days: one every 45.5
    assert listed["customer_id"].tolist() == ["a", "b"] and listed["value_of_acting"].tolist() == [5, 0]


def test_the_list_by_hand_where_no_chance_is_known():
    listed = listing(SMALL, gross_margin=0.5).set_index("customer_id")
    assert listed.index.tolist() == ["late", "fine", "once", "twice"]
    late = listed.loc["late"]  # gaps of 190, 30, 30, 30 days; silent for 120: three gaps past the day it was due
    assert (late["usual_gap_days"], late["gaps_overdue"], late["spend_last_year"]) == (30, 3, 470)
    assert late["value_of_acting"] == pytest.approx(470 * 0.5 * 91 / 365 / 4, abs=0.005)  # p (1 - p) is 1/4 at most
    assert listed["value_at_risk"].isna().all()
    found = actions.worth(listed.reset_index(), currency="CNY", gross_margin=0.5)
    assert "may still be won, at most: ¥15 (" in found.sentence  # of 14.65
    assert actions.at_stake(listed.reset_index(), shop(margin=0.5)) == "at most ¥15 of margin of the next 13 weeks"
    assert (listed["value_of_acting"].iloc[1:] == 0).all()
    sure = FORECAST.assign(still_customer=np.nan)
    unsure = listing(SMALL, sure).set_index("customer_id")["chance_to_buy"]
    assert np.isnan(unsure["late"]) and unsure["fine"] == 0.9  # of who is overdue, nothing is sure
    gone = listing(orders(*[("a", ago, 1) for ago in (110, 120, 130, 140, 150)], *[("b", ago, 1) for ago in (
        100, 110, 120, 130, 140)])).set_index("customer_id")["value_of_acting"]
    assert gone["a"] == 0 < gone["b"]  # eleven usual gaps of silence, and ten
    assert "too little is known to tell" in actions.how_sorted(listed, gross_margin=0.5)
    assert "times the chance" in actions.how_sorted(listing(SMALL, FORECAST), gross_margin=None)


def test_reasons_and_actions_by_hand():
    listed = listing(SMALL, FORECAST).set_index("customer_id")
    assert listed["reason"].to_dict() == {
        "late": "usually buys every 4 weeks, silent for 17 weeks: overdue",
        "fine": "usually buys every 4 weeks, last bought 4 weeks ago",
        "once": "bought once, 20 days ago", "twice": "bought 2 times, last 10 months ago"}
    assert "ask whether all was well" in listed.loc["late", "action"]  # not what its segment would ask for
    todo = STANDARD.set_index(["scheme", "segment"])["action"]
    assert listed.loc["fine", "action"] == todo["RFM segment", listed.loc["fine", "segment"]]
    assert listed.loc["late", "last_order"] == date(2024, 9, 3)
    one_late = listing(orders(*[("a", ago, 1) for ago in (25, 45, 65, 85, 105)]))
    assert one_late["reason"].tolist() == ["usually buys every 20 days, silent for 25 days: late"]
    late = listing(orders(*[("a", ago, 1) for ago in (50, 70, 90, 110, 130)]))
    assert late["reason"].tolist() == ["usually buys every 20 days, silent for 7 weeks: late"]


def test_whoever_is_worth_a_call_gets_the_same_action_whatever_the_segment():
    rows = orders(*[(f"c{i:02}", ago + i, 50 * i) for i in range(40) for ago in range(40, 300, 10 + 2 * i)])
    ids = sorted(set(rows["customer_id"]))
    still = [0.8 if i % 2 else 0.3 for i in range(40)]
    listed = listing(rows, outlook(ids, still_customer=still, usual_orders=4.0, order_value=50.0))
    called = listed["value_of_acting"] > 0
    assert listed.loc[called, "segment"].nunique() > 2 and (listed.loc[called, "gaps_overdue"] < rhythm.OVERDUE).any()
    assert set(listed.loc[called, "action"]) == {
        "Write or call in person: ask whether all was well, and give a reason to come back."}
    assert not listed.loc[~called, "action"].str.contains("Write or call").any()


def test_few_short_gaps_make_nobody_late_by_dozens_of_them():
    listed = listing(orders(*[("a", ago, 10) for ago in (150, 155, 160, 165)]))
    assert listed["usual_gap_days"].isna().all() and listed["reason"].tolist() == ["bought 4 times, last 21 weeks ago"]


def test_who_has_been_silent_for_long_or_is_sure_to_come_gets_no_call():
    paces = {"late": (40, 10), "long": (190, 10), "sure": (40, 10), "year": (370, 80)}  # days silent, usual gap
    rows = orders(*[(one, ago + i * gap, 10) for one, (ago, gap) in paces.items() for i in range(5)])
    forecast = outlook(sorted(paces), still_customer=[0.8, 0.8, 0.97, 0.8], usual_orders=4.0, order_value=50.0)
    listed = listing(rows, forecast).set_index("customer_id")["value_of_acting"]
    assert listed["late"] > 0 and (listed.drop("late") == 0).all()


def test_segments_are_told_of_mailings_and_never_to_call_or_of_a_program():
    segments = STANDARD[(STANDARD["scheme"] == "RFM segment") & (STANDARD["segment"] != scoring.TOO_FEW)]["action"]
    assert not segments.str.contains("call|program|reward|in peace").any()


def test_one_very_heavy_customer_is_looked_after_late_or_not():
    rows = orders(*[("big", ago, 200) for ago in (20, 50, 80, 110, 140)],
                  *[(f"c{i:02}", 10 + i, 25) for i in range(40)])
    customers, paces = tables.customers(rows, as_of=AS_OF.date()), rhythm.rhythm(rows, as_of=AS_OF.date())
    assert actions.look_after_sentence(customers, paces, shop()) == (
        "One customer alone brings 50 % of the revenue: know when the next order is due (usually every 4 weeks, last "
        "20 days ago).")
    closed = shop(smallest_cell=5)
    assert actions.look_after_sentence(customers, paces, closed) == ""
    assert actions.look_after(customers)["customer_id"].tolist() == ["big"]
    even = customers.assign(spend=10.0)
    assert actions.look_after(even).empty and actions.look_after_sentence(even, paces, shop()) == ""
    assert actions.look_after(customers.iloc[:0]).empty


def test_the_sure_and_the_lost_come_after_those_in_doubt():
    ids = [f"c{i}" for i in range(5)]
    rows = orders(*[(one, ago, 100) for one in ids for ago in (170, 200, 230)])
    forecast = outlook(ids, still_customer=[1.0, 0.9, 0.5, 0.1, 0.0], usual_orders=2.0, order_value=100.0)
    assert listing(rows, forecast)["customer_id"].tolist() == ["c2", "c1", "c0", "c3", "c4"]


def test_those_who_opted_out_are_in_no_list():
    out = pd.DataFrame({"customer_id": pd.Series(["late", "stranger", "once", "once"], dtype="str")})
    listed = listing(SMALL, FORECAST, opt_outs=out)
    assert listed["customer_id"].tolist() == ["fine", "twice"]
    customers = tables.customers(SMALL, as_of=AS_OF.date())
    said = ("2 of the customers must not be contacted and stand in no list; 1 of the people on that list could not be "
            "found among the customers.")
    assert actions.opted_out(customers, out) == said
    assert privacy.worded([said], shop(smallest_cell=3)) == [
        "fewer than 3 of the customers must not be contacted and stand in no list; fewer than 3 of the "
        "people on that list could not be found among the customers."]
    assert actions.opted_out(customers, out.iloc[:1]) == (
        "1 of the customers must not be contacted and stand in no list.")
    assert actions.opted_out(customers, out.iloc[:0]).startswith("None of the customers is on the list")
    unknown = actions.opted_out(customers, None)
    assert "No list of people who must not be contacted" in unknown and "client.yml" not in unknown
    assert listing(SMALL, FORECAST, opt_outs=pd.DataFrame({"customer_id": ["late", "fine", "once", "twice"]})).empty


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 900), st.integers(-50, 500)), min_size=1,
                max_size=40), st.lists(st.floats(0, 1), min_size=6, max_size=6), st.floats(0, 1),
       st.randoms(use_true_random=False))
def test_values_are_bounded_sorted_and_independent_of_the_order_of_rows(rows, still, margin, random):
    rows = orders(*rows)
    forecast = outlook(list("abcdef"), still_customer=still, usual_orders=still[::-1], order_value=50.0)
    before = rows.copy(), forecast.copy()
    listed = listing(rows, forecast, gross_margin=margin)
    assert listed.columns.tolist() == list(actions.COLUMNS)
    assert (listed["value_of_acting"] <= listed["value_at_risk"].fillna(0) + 0.01).all()
    assert (listed["value_at_risk"].fillna(0) <= listed["usual_value"] + 0.01).all()
    assert (listed["value_of_acting"] >= 0).all()
    assert listed["value_of_acting"].is_monotonic_decreasing and listed["reason"].str.len().gt(0).all()
    assert listed["action"].str.len().gt(0).all()
    mixed = list(range(len(rows)))
    random.shuffle(mixed)
    pd.testing.assert_frame_equal(
        listing(rows.iloc[mixed].reset_index(drop=True), forecast.iloc[::-1], gross_margin=margin), listed)
    pd.testing.assert_frame_equal(rows, before[0])
    pd.testing.assert_frame_equal(forecast, before[1])
    twice = listing(rows, forecast.assign(order_value=100.0), gross_margin=margin)["value_at_risk"].sum()
    assert twice == pytest.approx(2 * listed["value_at_risk"].sum(), abs=0.2)


# ---------------------------------------------------------------- counts and sentences
def many(n: int, worth: float = 100.0) -> pd.DataFrame:
    ids = [f"c{i:02}" for i in range(n)]
    rows = orders(*[(one, ago, worth) for one in ids for ago in (170, 200, 230)])
    return listing(rows, outlook(ids, still_customer=0.5, usual_orders=2.0, order_value=worth), gross_margin=0.5)


def test_only_counts_of_the_list_are_published():
    listed = many(40)
    found = actions.worth(listed, currency="CNY", gross_margin=0.5)  # 40 x 2 x 100 x 0.5, x 0.5 x 0.5
    assert found.sentence == ("Margin of the next 13 weeks that is in doubt and may still be won, roughly: ¥1,000 (40 "
                              "customers).")
    uneven = listed.assign(value_of_acting=31.4159)
    assert actions.worth(uneven, currency="CNY").estimate == 1300  # of 1,256.6: two digits, not four
    table = actions.by_segment(listed)
    assert table[["customers", "late", "first_calls"]].sum().tolist() == [40, 40, 20]
    assert not set(table.columns) & {"customer_id", "last_order", "reason"}
    assert table["value_at_risk"].sum() == 2000 and table["value_of_acting"].sum() == 1000
    assert len(actions.first(listed)) == 20
    reach = actions.reach(listed)
    assert reach["share"].iloc[[0, 20, 40]].tolist() == pytest.approx([0, 0.5, 1])


def test_a_call_has_its_price():
    said = actions.call_cost(many(40), shop(rate=120, margin=0.5))  # 20 a call; 100 of margin each
    assert said == ("A call of 10 minutes costs ¥20 of your time; it pays if at least 4 of the first 20 come back who "
                    "would have stayed away, and then buy as before: ¥100 of margin each in 13 weeks.")
    assert "write instead" in actions.call_cost(many(40), shop(rate=1200, margin=0.5))
    assert "no margin" in actions.call_cost(many(40), shop(rate=120))
    assert "the one customer to call" in actions.call_cost(many(1), shop(rate=1, margin=0.5))
    assert "at least 1 of the first 3 comes back" in actions.call_cost(many(3), shop(rate=1, margin=0.5))
    assert actions.call_cost(many(40), shop()) == "" == actions.call_cost(many(40).iloc[:0], shop(rate=120))
    assert actions.call_cost(many(3), shop(rate=1, smallest_cell=5)) == ""


def test_charts_claim_what_the_tables_hold():
    rows = orders(*[(f"c{i}", ago + 3 * i, 10) for i in range(30) for ago in (10, 20, 30, 40, 50)])
    table = rhythm.lateness(rhythm.rhythm(rows, as_of=AS_OF.date()))
    late = action_charts.lateness(table)
    share = table["share"].iloc[-1]
    assert late.title == (f"Overdue: silent for 4 usual gaps or more, {share * 100:.0f} % of the regulars, 11 % "
                          "by chance")
    drawn = action_charts.reach(actions.reach(many(40)))
    assert drawn.title == "The first 20 calls reach 50 % of what is worth a call; half of it takes 20"
    for chart in (late, drawn):
        assert chart.title in chart.alt and all(ax.get_xlabel() for ax in chart.figure.axes)
        mpl.pyplot.close(chart.figure)
    shared = action_charts.reach(actions.reach(many(40)), least=5)
    assert shared.figure.axes[0].lines[0].get_xdata()[1] == 5  # fewer customers are not to be seen
    mpl.pyplot.close(shared.figure)
    for nothing in (action_charts.reach(actions.reach(many(1).iloc[:0])), action_charts.lateness(table.iloc[:0]),
                    action_charts.reach(actions.reach(many(3)), least=5)):
        assert nothing.figure is None and len(nothing.title) > 30


SHOPS = {
    "nobody": (), "one": (("a", 3, 10),), "refunds only": (("a", 3, -10),), "anonymous": ((None, 3, 10),),
    "nine": tuple((f"c{i}", i * 9, 10) for i in range(9)), "sixty once": tuple((f"c{i}", i, 10) for i in range(60)),
    "free": (("a", 3, 0), ("a", 300, 0), ("a", 310, 0)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", SHOPS)
@pytest.mark.parametrize("known", [True, False])
def test_hard_shops_get_true_sentences(name, known):
    rows = orders(*SHOPS[name])
    ids = sorted(rows["customer_id"].dropna().unique())
    forecast = outlook(ids, still_customer=0.5, usual_orders=0.5, order_value=10.0) if known else outlook(ids)
    listed = listing(rows, forecast)
    assert len(listed) == rows.loc[~rows["is_refund"], "customer_id"].nunique()
    found = actions.worth(listed, currency="CNY")
    said = [found.sentence, actions.how_sorted(listed, gross_margin=None), actions.call_cost(listed, shop(rate=80))]
    assert not any("nan" in one for one in said)
    assert found.measurable == (listed["value_of_acting"] > 0).any()
    assert actions.by_segment(listed)["customers"].sum() == len(listed)
    assert actions.reach(listed)["share"].iloc[0] == 0 and actions.reach(listed).notna().all(axis=None)
    assert actions.first(listed).empty or known
