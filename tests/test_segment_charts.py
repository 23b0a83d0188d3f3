"""Charts of chapter 02: claims that fit the numbers, and words instead of a picture where there is too little."""

import warnings
from datetime import date, timedelta

import matplotlib
import numpy as np
import pandas as pd
import pytest

from loyalty_helpers.customers import cohorts, scoring
from loyalty_helpers.report.charts import marks as charts
from loyalty_helpers.report.charts import segments as segment_charts

matplotlib.use("Agg")
START = date(2024, 1, 1)


def customers(n: int, *, orders: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    return pd.DataFrame({"customer_id": pd.Series([f"c{i}" for i in range(n)], dtype="str"),
                         "orders": rng.integers(1, orders + 1, n), "spend": np.round(rng.lognormal(4, 1, n), 2),
                         "categories": np.nan, "rating": rng.integers(1, 6, n).astype(float),
                         "recency_days": rng.integers(0, 300, n).astype(float)})


def visits(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    first = rng.integers(0, 300, n)
    days = np.concatenate([[0, 360], first, first + rng.integers(1, 60, n)])
    who = pd.Series([None, None] + [f"c{i}" for i in range(n)] * 2, dtype="str")
    at = pd.Timestamp(START) + pd.to_timedelta(days, unit="D")
    return pd.DataFrame({"customer_id": who, "ordered_at": at.astype("datetime64[us]"),
                         "is_refund": False, "amount": 10.0, "order_id": [f"o{i}" for i in range(len(days))]})


def drawn(n: int) -> dict[str, charts.Chart]:
    """Every chart of the chapter on a shop of n customers."""
    frame, rows = customers(n), visits(n)
    survey = pd.DataFrame({"answered_at": pd.Timestamp(START), "customer_id": frame["customer_id"],
                           "nps": np.nan, "csat": frame["rating"]})
    scored = rfm.rfm(frame)
    loyalty = score.loyalty_score(score.with_survey(frame, survey))
    index = score.loyalty_index(loyalty, n, among_themselves=True)
    table = cohorts.cohorts(rows)
    quadrant = quadrant.quadrant(survey, frame, activity_days=90)
    parts = score.index_parts(frame, loyalty)
    standard = pd.DataFrame(columns=["scheme", "segment", "action"])
    segments = levels.segments_table(frame, scored, actions=standard)
    return {
        "lorenz": charts.lorenz(concentration.lorenz(frame), concentration.half_of_revenue(frame)),
        "activity": charts.groups(concentration.activity(frame, 90), label="group"),
        "segments": charts.groups(segments[segments["scheme"] == "RFM segment"], label="segment"),
        "cohorts": charts.cohorts(table, cohorts.cohort_return(table)),
        "scores": charts.score_histogram(score.score_groups(loyalty["score"]), index),
        "retention": segment_charts.retention(cohorts.retention_curve(table)),
        "second": segment_charts.second_order(cohorts.second_order(rows, as_of=START + timedelta(days=361),
                                                                   lead_days=0)),
        "quadrant": segment_charts.quadrant(pd.DataFrame() if quadrant is None else quadrant, "Nobody answered."),
        "parts": segment_charts.index_parts(parts, score.index_parts_sentence(parts)),
    }


@pytest.mark.parametrize("n", [0, 1, 2, 9, 60, 400])
def test_every_chart_says_something_true_of_a_shop_of_any_size(n, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = drawn(n)
        for name, chart in found.items():
            assert chart.title and chart.alt and "nan" not in f"{chart.title} {chart.alt} {chart.note}", name
            if chart.figure is not None:
                chart.figure.savefig(tmp_path / f"{name}.svg")
                matplotlib.pyplot.close(chart.figure)
    few = {name for name, chart in found.items() if chart.figure is None}
    assert few >= (set(found) - {"activity"} if n < 10 else set())
    if n == 400:
        assert not few


def test_the_titles_carry_the_numbers():
    found = drawn(400)
    half = concentration.half_of_revenue(customers(400))
    assert found["lorenz"].title == f"{half.value} of customers bring half of the revenue"
    assert found["scores"].title == "The customer loyalty index (400 of 400 customers scored) is 50.0"
    assert found["cohorts"].title.endswith(" % of customers bought again 1 month after their first order")
    # all of them did, within 59 days
    assert found["second"].title == "100.0 % of new customers ordered a second time within 180 days"
    for chart in found.values():
        matplotlib.pyplot.close(chart.figure)


def test_the_group_with_the_most_money_is_named_by_what_is_shown():
    table = pd.DataFrame({"group": ["active", "gone"], "share": [0.25, 0.75], "spend_share": [0.8, 0.2]})
    title = "largest part of the revenue comes from “Active”: 25 % of customers, 80 % of revenue"
    for shown, said in ((table, f"The {title}"), (table.assign(spend_share=[0.8, np.nan]),
                                                  f"Of the groups shown, the {title}")):
        chart = charts.groups(shown, label="group")
        assert chart.title == said
        matplotlib.pyplot.close(chart.figure)


def test_half_of_the_revenue_is_marked_where_it_is():
    frame = customers(389).assign(spend=[5000.0] + [10.0] * 388)
    chart = charts.lorenz(concentration.lorenz(frame), concentration.half_of_revenue(frame))
    assert chart.title == "1 of 389 customers brings half of the revenue"
    mark = chart.figure.axes[0].lines[0]
    assert mark.get_xdata().tolist() == [0, 1 / 389, 1 / 389] and mark.get_ydata().tolist() == [0.5, 0.5, 0]
    matplotlib.pyplot.close(chart.figure)


def test_the_four_fields_count_those_who_can_be_judged():
    meanings = [*quadrant.QUADRANT.values(), "new"]
    meanings[2] = "satisfied (9 or 10 of 10), but does not buy again"
    table = pd.DataFrame({"type": [*quadrant.QUADRANT, quadrant.TOO_NEW], "meaning": meanings,
                          "customers": [10, 3, 5, 2, 7], "share": [0.5, 0.15, 0.25, 0.1, np.nan],
                          "low": [0.3, 0.05, 0.11, 0.03, np.nan], "high": [0.7, 0.36, 0.47, 0.3, np.nan]})
    chart = segment_charts.quadrant(table, "A sentence.")
    assert chart.title == "15 of 20 customers are satisfied; 5 of these do not buy again"
    assert chart.note == "Satisfied: 9 or 10 of 10. 7 further customers ordered once, and lately: too early to tell."
    texts = [text.get_text() for text in chart.figure.axes[0].texts]
    assert "10 customers" in texts and "25 % (11 % to 47 %)" in texts
    hidden = table.assign(customers=[10, np.nan, 5, np.nan, 7], share=[0.5, np.nan, 0.25, np.nan, np.nan])
    chart = segment_charts.quadrant(hidden, "A sentence.")
    assert chart.title == "A sentence" and "–" in [text.get_text() for text in chart.figure.axes[0].texts]


def test_cohorts_that_may_hold_old_customers_are_marked():
    table = cohorts.cohorts(visits(400))
    chart = charts.cohorts(table, cohorts.cohort_return(table))
    labels = [label.get_text() for label in chart.figure.axes[0].get_yticklabels()]
    assert labels[0] == "2024-01 *" and labels[1] == "2024-02" and "*:" in chart.note
