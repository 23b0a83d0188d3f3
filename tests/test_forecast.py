import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_helpers import forecast
from loyalty_helpers.core.errors import UserError


def test_the_source_article_adds_up_to_185_94():
    assert forecast.simple_clv(100, 2) == 200
    assert round(100 / 1.05, 2) == 95.24 and round(100 / 1.05**2, 2) == 90.70
    assert forecast.discounted_clv(100, 2, discount=0.05) == pytest.approx(185.94, abs=0.005)  # stated: 186.94


def test_survival_by_both_conventions():
    assert forecast.discounted_clv(100, 2, discount=0.05, retention=0.8) == pytest.approx(167.80, abs=0.005)
    at_risk = forecast.discounted_clv(100, 2, discount=0.05, retention=0.8, survival="t")
    assert at_risk == pytest.approx(134.24, abs=0.005)


def test_without_horizon():
    endless = {"periods": math.inf, "discount": 0.05, "retention": 0.8}
    assert forecast.discounted_clv(100, **endless, survival="t") == pytest.approx(320)
    assert forecast.discounted_clv(100, **endless, timing="start") == pytest.approx(420)


@given(st.floats(0, 1), st.floats(0, 2), st.integers(0, 30))
def test_discount_and_leaving_only_take_away(retention, discount, periods):
    clv = forecast.discounted_clv(100, periods, discount=discount, retention=retention)
    assert 0 <= clv <= forecast.simple_clv(100, periods) + 1e-9
    assert clv >= forecast.discounted_clv(100, periods, discount=discount, retention=retention, survival="t") - 1e-9
    assert clv <= forecast.discounted_clv(100, periods, discount=discount, retention=retention, timing="start") + 1e-9


@pytest.mark.parametrize(("wrong", "words"), [
    ({"retention": 80}, "share from 0 to 1"),
    ({"discount": -0.1}, "must not be negative"),
    ({"periods": 1.5}, "whole"),
    ({"periods": -1}, "whole"),
    ({"periods": math.nan}, "whole"),
    ({"periods": math.inf, "discount": 0}, "no limit"),
])
def test_impossible_settings_are_refused(wrong, words):
    with pytest.raises(UserError, match=words):
        forecast.discounted_clv(**({"margin_per_period": 100, "periods": 2, "discount": 0.05} | wrong))


CUSTOMERS = pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "orders": [4, 2, 1, 0],
                          "spend": [730.0, 100.0, 50.0, -10.0], "tenure_days": [730.0, 365.0, 3.0, math.nan]})
GROUPS = pd.DataFrame({"customer_id": ["a", "b", "c"], "value_group": ["High-value", "Other", "Other"]})


def test_clv_by_value_group():
    table = forecast.clv_table(CUSTOMERS, GROUPS, gross_margin=0.4, horizon_years=2, discount=0.05, retention=0.8,
                               currency="CNY").set_index("value_group")
    assert table["customers"].to_dict() == {"High-value": 1, "Other": 2}
    assert table["margin_per_year"].tolist() == pytest.approx([146, 30])  # three days count as one year
    assert table["simple_clv"].tolist() == pytest.approx([292, 60])
    assert table.loc["High-value", "discounted_clv"] == pytest.approx(146 * 1.3424, abs=0.01)
    assert table.loc["Other", "total"] == pytest.approx(2 * 30 * 1.3424, abs=0.01)
    assert table.loc["Other", "meaning"] == (
        "¥40 of margin each over 2 years: of 100 such customers 80 still buy in the first year to come, 64 in the "
        "second, paid at the end of each year, 5 % a year taken off")


def test_the_words_of_a_lifetime_value_are_enough_to_work_it_out():
    """437 a year and 97 over three years look impossible until it is said how few are left."""
    yearly = CUSTOMERS.iloc[:1].assign(spend=437.0, tenure_days=365.0)
    table = forecast.clv_table(yearly, GROUPS, gross_margin=None, horizon_years=3, discount=0.05, retention=0.19,
                               currency="EUR")
    words = table["meaning"].iloc[0]
    assert "19 still buy in the first year to come, 4 in the second, 1 in the third, paid at the end" in words
    by_hand = 437 * (0.19 / 1.05 + 0.04 / 1.05**2 + 0.01 / 1.05**3)
    assert table["discounted_clv"].iloc[0] == pytest.approx(by_hand, rel=0.03)  # as many as the words say are left
    longer = forecast.clv_table(yearly, GROUPS, gross_margin=None, horizon_years=5, discount=0.05, retention=0.8,
                                currency="EUR")["meaning"].iloc[0]
    assert "80 still buy in the first year to come, 64 in the second, 51 in the third, 33 in the last" in longer


def test_clv_without_a_margin_speaks_of_revenue_and_survives_nobody():
    options = {"gross_margin": None, "horizon_years": 1, "discount": 0.0, "retention": 1.0, "currency": "CNY"}
    table = forecast.clv_table(CUSTOMERS, GROUPS, **options)
    assert table["discounted_clv"].tolist() == pytest.approx([365, 75])
    assert table["meaning"].str.contains("revenue").all()
    assert forecast.clv_table(CUSTOMERS.iloc[:0], GROUPS.iloc[:0], **options).empty
