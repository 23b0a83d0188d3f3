import dataclasses
import functools
import warnings
from datetime import date

import numpy as np
import pandas as pd
import pytest

from loyalty_helpers import forecast, forecast_charts, simulate
from loyalty_helpers.chapters import data_end
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.forecast import lifetime, purchase_days, silence

WEEK = pd.Timedelta(days=7)
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def made(rows) -> pd.DataFrame:
    """Orders from (customer, time, amount); amounts below 0 are refunds."""
    frame = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"])
    return frame.assign(order_id=[str(i) for i in range(len(frame))], is_refund=frame["amount"].astype(float) < 0,
                        amount=frame["amount"].astype("float64"), customer_id=frame["customer_id"].astype("str"),
                        ordered_at=pd.to_datetime(frame["ordered_at"]).astype("datetime64[us]"))


def drawn(customers: int, rows: int, days: int, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2024-01-01")
    return made([(f"c{rng.integers(customers)}", start + pd.Timedelta(days=int(rng.integers(days))),
                  float(rng.gamma(2, 20))) for _ in range(rows)])


@functools.cache
def sample() -> tuple[simulate.Shop, forecast.Outlook]:
    shop = simulate.shop(**simulate.SAMPLE)
    return shop, forecast.outlook(shop.orders, as_of=data_end(shop.orders))


@functools.cache
def cdnow() -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes.datasets import load_dataset

        rows = load_dataset("CDNOW_sample.txt", header=None, sep=r"\s+")
    return pd.DataFrame({"customer_id": rows[1].map("{:04d}".format).astype("str"), "amount": rows[4],
                         "ordered_at": pd.to_datetime(rows[2].astype(str)), "is_refund": False})


def truth_of(shop: simulate.Shop, found: forecast.Outlook) -> np.ndarray:
    expected = shop.expected.set_index("customer_id")["expected_orders_next_13_weeks"]
    return expected.reindex(found.customers["customer_id"]).to_numpy()


# ---------------------------------------------------------------- the truth is recovered
def test_true_expected_orders_of_the_sample_rise_as_forecast():
    shop, found = sample()
    slope, _ = np.polyfit(found.customers["expected_orders"], truth_of(shop, found), 1)
    assert 0.8 < slope < 1.2
    assert found.model == "bg_nbd"


def test_totals_and_the_best_tenth_hold_the_truth_of_the_sample():
    shop, found = sample()
    truth = truth_of(shop, found)
    best = found.customers["expected_value"].rank(ascending=False, method="first") <= np.ceil(len(truth) / 10)
    assert found.total.low < truth.sum() < found.total.high
    assert found.top_orders.low < truth[best].sum() < found.top_orders.high
    assert found.top_orders.n == found.top_decile.n == best.sum()
    assert found.total.high / found.total.low < 2  # and the interval is worth having


def test_holdout_of_cdnow_within_its_interval():
    calibration, end = cdnow(), pd.Timestamp("1997-10-01")
    found = forecast.outlook(calibration, as_of=end.date(), horizon_days=273, currency="USD")
    assert found.total.low < 1882 < found.total.high
    assert found.total.estimate / 1882 - 1 == pytest.approx(-0.121, abs=0.001)
    assert found.backtests["days"].tolist() == [91, 91]  # 39 weeks carry no forecast of 39 weeks
    assert "widened" in found.interval_why


def test_intervals_hold_what_came_afterwards():
    """Four simulated shops, three quarters each: at least 9 of 12 intervals of nominally 95 % (of 288: 96 %)."""
    hits = []
    for seed in range(4):
        orders = simulate.shop(customers=200, seed=700 + seed).orders
        last = pd.Timestamp(data_end(orders))
        for quarters in (1, 2, 3):
            end = last - quarters * 13 * WEEK
            found = forecast.outlook(orders, as_of=end.date(), years=1)
            later = orders[(orders["ordered_at"] >= end) & (orders["ordered_at"] < end + 13 * WEEK)
                           & orders["customer_id"].isin(found.customers["customer_id"]) & ~orders["is_refund"]]
            came = len(later.assign(day=later["ordered_at"].dt.date).drop_duplicates(["customer_id", "day"]))
            hits.append(found.total.low <= came <= found.total.high)
    assert sum(hits) >= 9


def test_nothing_is_learned_from_what_comes_after():
    shop, _ = sample()
    end = data_end(shop.orders) - pd.Timedelta(weeks=39)
    known = shop.orders[shop.orders["ordered_at"] < pd.Timestamp(end)]
    with_future, without = (forecast.outlook(orders, as_of=end, years=1) for orders in (shop.orders, known))
    pd.testing.assert_frame_equal(with_future.customers, without.customers)
    pd.testing.assert_frame_equal(with_future.backtests, without.backtests)


def test_a_backtest_is_the_forecast_that_would_have_been_made_then():
    shop, found = sample()
    last = found.backtests.iloc[-1]
    then = forecast.outlook(shop.orders, as_of=last["origin"].date(), years=1)
    assert then.total.estimate == pytest.approx(last["predicted"])
    assert then.season == pytest.approx(last["season"])
    # of eight backtests then, of the seven before it here
    assert then.top_orders.estimate == pytest.approx(last["top_orders_predicted"], rel=0.005)
    assert then.top_decile.estimate == pytest.approx(last["value_top_predicted"], rel=0.005)
    later = shop.orders[(shop.orders["ordered_at"] >= last["origin"]) & ~shop.orders["is_refund"]
                        & shop.orders["customer_id"].isin(then.customers["customer_id"])]
    assert last["actual"] == len(later.assign(day=later["ordered_at"].dt.date).drop_duplicates(["customer_id", "day"]))


# ---------------------------------------------------------------- what must hold of every outlook
def test_columns_and_their_limits():
    _, found = sample()
    table = found.customers
    assert list(table) == ["customer_id", "expected_orders", "chance_to_buy", "still_customer", "usual_orders",
                           "order_value", "expected_value", "lifetime_value"]
    assert table["customer_id"].is_unique and table["customer_id"].is_monotonic_increasing
    assert table["chance_to_buy"].between(0, 1).all()
    assert (table["expected_orders"] <= table["usual_orders"] + 1e-12).all()
    money = table["expected_orders"].to_numpy() * table["order_value"].to_numpy()
    assert table["expected_value"].to_numpy() == pytest.approx(money)
    assert (table["lifetime_value"] >= table["expected_value"]).mean() > 0.95  # three years beside a quarter
    assert (table["lifetime_value"] >= 0).all()
    assert found.total.estimate == pytest.approx(table["expected_orders"].sum())


def test_of_those_who_bought_once_nobody_can_tell_whether_they_left():
    shop, found = sample()
    once = forecast.histories(shop.orders, as_of=data_end(shop.orders))["frequency"].eq(0)
    still = found.customers["still_customer"]
    assert still[once].isna().all() and still[~once].between(0, 1).all() and 0 < once.sum() < len(still)
    assert found.total.estimate == pytest.approx(found.customers["expected_orders"].sum())  # they are in the total


def test_neither_the_order_of_rows_nor_the_input_changes():
    orders = simulate.shop(customers=150, seed=3).orders
    before = orders.copy()
    one, other = (forecast.outlook(frame, as_of=data_end(orders)) for frame in (orders, orders.sample(frac=1,
                                                                                                      random_state=1)))
    pd.testing.assert_frame_equal(orders, before)
    pd.testing.assert_frame_equal(one.customers, other.customers, check_exact=True)
    pd.testing.assert_frame_equal(one.backtests, other.backtests, check_exact=True)
    assert one.total == other.total and one.value_total == other.value_total


def test_margin_years_and_discount():
    orders = drawn(40, 400, 500)
    plain, half, dear, longer = (forecast.outlook(orders, as_of=data_end(orders), **options).customers for options in (
        {}, {"gross_margin": 0.5}, {"discount": 0.5}, {"years": 6}))
    assert half["expected_value"].to_numpy() == pytest.approx(plain["expected_value"].to_numpy() / 2)
    assert half["lifetime_value"].to_numpy() == pytest.approx(plain["lifetime_value"].to_numpy() / 2)
    assert (dear["lifetime_value"] < plain["lifetime_value"]).all()
    assert (longer["lifetime_value"] > plain["lifetime_value"]).all()
    margin = forecast.outlook(orders, as_of=data_end(orders), gross_margin=0.5).value_total
    revenue = forecast.outlook(orders, as_of=data_end(orders)).value_total
    assert "Gross margin expected" in margin.sentence and "Revenue expected" in revenue.sentence
    assert (margin.low, margin.high) == pytest.approx((revenue.low / 2, revenue.high / 2))


def test_lifetime_value_by_hand():
    """A steady rate: the same orders each quarter, paid in its middle, at 21 % a year."""
    five = np.array([5.0])
    seen = purchase_days.Seen(np.array([0]), np.array([9]), np.array([7 * 40]), np.array([0]), five, five)
    model = forecast.Nbd(1.0, 10.0, 0.0)  # (1 + 9) / (10 + 40) = 0.2 a week
    ahead = lifetime.Ahead(0, 91, seen, lifetime.Chosen(model, "nbd", ""), np.array([1.0]), 1.0, np.array([1.0]),
                           np.array([5.0]), "")
    quarter = 0.2 * 365.25 / 4 / 7
    by_hand = quarter * sum(1.21 ** -((k + 0.5) / 4) for k in range(4))
    assert lifetime._lifetime(ahead, 1, 0.21)[0] == pytest.approx(by_hand)


@pytest.mark.parametrize(("options", "words"), [
    ({"horizon_days": 0}, "at least one day"), ({"years": 0}, "at least one year"),
    ({"discount": -0.1}, "must not be negative"), ({"gross_margin": 40}, "share above 0"),
    ({"gross_margin": 0}, "share above 0"),
])
def test_impossible_settings_are_refused(options, words):
    with pytest.raises(UserError, match=words):
        forecast.outlook(drawn(5, 20, 100), as_of=date(2024, 5, 1), **options)


# ---------------------------------------------------------------- which model, and why
def test_few_who_came_back_get_the_simple_rule():
    found = lifetime.choose(np.array([3, 1, 0, 0]), np.array([9.0, 2, 0, 0]), np.array([10.0, 10, 10, 10]))
    assert found.name == "simple" and "only 2 customers have bought again" in found.why
    assert found.fitted.alpha == pytest.approx(10)  # 4 purchases in 40 weeks
    assert found.fitted.expected(10, [0, 3], [0, 9], [10, 10]) == pytest.approx([10 / 20, 4 * 10 / 20])


def test_no_visible_leaving_gives_the_nbd_and_says_so():
    rng = np.random.default_rng(2)
    age = rng.uniform(5, 100, 800)
    x = rng.poisson(rng.gamma(1.2, 0.1, 800) * age)
    last = np.where(x > 0, age * rng.random(800) ** (1 / np.maximum(x, 1)), 0)
    found = lifetime.choose(x, last, age)
    assert found.name == "nbd" and "No customers are seen to leave" in found.why


def test_customers_all_alike_get_the_simple_rule():
    same = np.full(50, 3)
    found = lifetime.choose(same, np.full(50, 28.0), np.full(50, 30.0))
    assert found.name == "simple" and "how much customers differ" in found.why


def test_money_where_few_came_back_is_drawn_to_everybodys():
    orders = made([("a", "2024-01-01", 10), ("a", "2024-02-01", 30), ("b", "2024-01-05", 80), ("b", "2024-01-06", -80)])
    found = forecast.outlook(orders, as_of=date(2024, 3, 1))
    mean = 40 / 3  # over three purchase days, after what went back
    assert found.customers["order_value"].tolist() == pytest.approx([(40 + 2 * mean) / 4, 2 * mean / 3])
    assert "Only 1 customer has a repeat order" in found.value_why


def test_a_correlation_of_frequency_and_value_is_said():
    rng = np.random.default_rng(8)
    x = rng.geometric(0.3, 400)
    value = 20 * x**0.8 * rng.lognormal(0, 0.3, 400)
    seen = purchase_days.Seen(np.arange(400), x, np.full(400, 300), np.full(400, 10), value, value)
    assert "spend more per order" in lifetime.order_values(seen)[1]
    unrelated = seen._replace(mean_value=rng.permutation(value))
    assert lifetime.order_values(unrelated)[1] == ""


# ---------------------------------------------------------------- silent for long, where nobody visibly leaves
def fallen_silent(*, back: int, gone: int, days: int = 400) -> pd.DataFrame:
    """Customers who came every tenth day; of `back` + `gone` who then fell silent, `back` came again after 60 days;
    "z" has been silent for 100 days at the end."""
    start, rows = pd.Timestamp("2024-01-01"), []
    for i in range(back + gone):
        rows += [(f"c{i:02d}", start + pd.Timedelta(days=10 * k), 10.0) for k in range(6)]
        if i < back:
            rows.append((f"c{i:02d}", start + pd.Timedelta(days=110), 10.0))
    last = days - 101
    rows += [("z", start + pd.Timedelta(days=day), 10.0) for day in range(last - 90, last + 1, 10)]
    return made([*rows, ("y", start + pd.Timedelta(days=days - 1), 10.0)])


def silent(orders: pd.DataFrame, length: int = 91) -> silence.Silence:
    days, end = purchase_days.purchase_days(orders), purchase_days.day_number(data_end(orders))
    return silence.silence(days, purchase_days.history(days, end), end, length)


def test_silences_of_the_past_are_counted():
    """Silent from day 50 on: four gaps are reached on day 90, eight on day 130; who came back did so on day 110."""
    found = silent(fallen_silent(back=6, gone=9))
    # those who came back fall silent again: their mean gap is then 110 / 6 days, four of which end on day 183
    assert found.shares[0] == (4, 15 + 6, 6)
    assert found.shares[1] == (8, 9 + 6, 0)  # by day 130 the six were back; 8 x 110 / 6 after it is day 257
    assert found.most[-1] == pytest.approx((0 + 1) / (15 + 2))  # "z": ten gaps, so the least of the first two levels
    assert found.most[-2] == 1 and not found.long[-2]  # "y" bought once, and has no gap
    # too late to know: only silences that lie `length` days back
    assert silent(fallen_silent(back=6, gone=9), length=400).shares[0] == (4, 0, 0)


def test_who_is_silent_for_many_gaps_is_not_promised():
    orders = fallen_silent(back=3, gone=9)
    found = forecast.outlook(orders, as_of=data_end(orders))
    assert found.model in ("simple", "nbd")
    z = found.customers.set_index("customer_id").loc["z"]
    kept = silent(orders)
    assert z["chance_to_buy"] <= kept.most[-1] < 0.15 and z["expected_orders"] < 0.2 * z["usual_orders"]
    assert z["expected_value"] == pytest.approx(z["expected_orders"] * z["order_value"])
    assert found.total.estimate == pytest.approx(found.customers["expected_orders"].sum())
    assert "after 4 gaps 3 of 15" in found.silence_why and found.silence_why in found.sentences


def test_with_too_few_silences_the_chance_is_blank_and_it_is_said():
    orders = fallen_silent(back=2, gone=2)
    found = forecast.outlook(orders, as_of=data_end(orders))
    table = found.customers.set_index("customer_id")
    assert np.isnan(table.loc["z", "chance_to_buy"]) and np.isfinite(table.loc["y", "chance_to_buy"])
    assert 0 < table.loc["z", "expected_orders"] < 0.75 * table.loc["z", "usual_orders"]
    assert "6 cases of the past cannot tell (it takes 10)" in found.silence_why and "left blank" in found.silence_why


def test_silences_matter_only_where_nobody_is_seen_to_leave():
    assert sample()[1].silence_why == "" and sample()[1].customers["chance_to_buy"].notna().all()


# ---------------------------------------------------------------- season, spread, intervals
def test_half_of_last_years_miss_is_corrected():
    """A shop that sells twice as much in each last quarter of the year."""
    rng = np.random.default_rng(3)
    start, days = pd.Timestamp("2022-01-01"), np.arange(3 * 364 - 91)
    chance = 0.01 * np.where(days % 364 < 273, 1, 2)
    orders = made([(f"c{customer:03d}", start + pd.Timedelta(days=int(day)), 10.0) for customer in range(300)
                   for day in np.flatnonzero(rng.random(len(days)) < chance)])
    found = forecast.outlook(orders, as_of=(start + pd.Timedelta(days=len(days))).date())
    assert found.season == pytest.approx(2**0.5, rel=0.15)  # the mean quarter sells 1.25
    assert "brought more orders" in found.season_why


def test_forecasts_are_drawn_apart_as_the_past_showed():
    rng = np.random.default_rng(4)
    expected = rng.gamma(1, 1, 5000)
    for exponent in (0.8, 1.0, 1.3):
        came = rng.poisson(expected**exponent)
        assert lifetime._exponent([(expected, came)]) == pytest.approx(exponent, abs=0.06)
    assert lifetime._exponent([]) == 1
    assert abs(lifetime._exponent([(expected[:8], rng.poisson(expected[:8] ** 2))]) - 1) < 0.2  # too few to say much


def test_intervals_by_hand():
    tests = pd.DataFrame({"predicted": [100.0, 100.0], "actual": [100 * np.e**0.1, 100 * np.e**-0.1]})
    low, high = lifetime._between(200.0, tests, ("predicted", "actual"), half=0.0)
    assert (low, high) == pytest.approx((200 * np.exp(-0.43027), 200 * np.exp(0.43027)), rel=1e-4)  # t(2) = 4.3027
    always_low = tests.assign(actual=100 * np.e**0.1)
    assert lifetime._between(200.0, always_low, ("predicted", "actual"), half=0.0) == pytest.approx((low, high))
    assert np.isnan(lifetime._between(200.0, tests.head(1), ("predicted", "actual"))).all()
    assert np.isnan(lifetime._between(2.0, tests / 50, ("predicted", "actual"))).all()


def test_the_best_never_hold_less_than_their_share_of_customers():
    tests = pd.DataFrame({"predicted": [100.0, 100.0], "actual": [90.0, 110.0]})
    shares = (pd.Series([0.18, 0.23]), pd.Series([0.14, 0.32]))  # give or take 30 points: as in a cafe of 60
    low, high = lifetime._share_between(0.28, tests, shares, floor=0.1)
    assert low == 0.1 and high == pytest.approx(0.28 + 4.302653 * np.sqrt((0.04**2 + 0.09**2) / 2))
    assert lifetime._share_between(0.08, tests, shares, floor=0.1)[0] <= 0.08  # never above the estimate


def test_the_band_of_shares_keeps_above_the_diagonal_and_rises():
    found = forecast.outlook(SMALL["sixty"], as_of=data_end(SMALL["sixty"]))
    spread = found.tenths.assign(value_actual=found.tenths["value_actual"].to_numpy()[::-1])  # tenths upside down
    table = forecast.gains(dataclasses.replace(found, tenths=spread))
    customers = table["customers"].cumsum() / table["customers"].sum()
    assert (table["low"] >= customers - 1e-9).all() and (table["high"] <= 1).all()
    assert table["low"].is_monotonic_increasing and table["high"].is_monotonic_increasing
    assert ((table["low"] <= table["share"] + 1e-9) & (table["share"] <= table["high"] + 1e-9)).all()


def test_money_of_few_backtests_is_no_surer_than_orders():
    tests = pd.DataFrame({"predicted": [100.0] * 3, "actual": [70.0] * 3, "days": 91})
    least = lifetime._least_of_money(tests, 1.0)
    assert least == pytest.approx((100.5 / 70.5) ** 3.182446, rel=1e-4)  # t(3) times the same log-miss each time
    money = tests.assign(predicted=1000.0, actual=1000.0)  # the money of all three came to the cent
    assert lifetime._between(50.0, money, ("predicted", "actual"), half=0, least=least) == pytest.approx(
        (50 / least, 50 * least))
    assert lifetime._least_of_money(pd.concat([tests, tests]), 1.0) == 1  # six speak for themselves


@pytest.mark.parametrize("seed", range(4))
def test_the_money_of_a_small_shops_outlook_is_no_surer_than_its_orders(seed):
    orders = drawn(50, 300, 365, seed=seed)
    found = forecast.outlook(orders, as_of=data_end(orders), years=1)
    assert len(found.backtests) == lifetime.FEW and np.isfinite(found.total.high)
    orders_off = lifetime._off(found.backtests, ("predicted", "actual"))
    assert found.value_total.high / found.value_total.estimate >= orders_off - 1e-9


@pytest.mark.parametrize(("actual", "words", "leans"), [
    ([90, 80, 70], "by 11 % to 43 %, all too high.", "reckon rather with fewer orders"),
    ([110, 120, 130], "by 9 % to 23 %, all too low.", "reckon rather with more orders"),
    ([110, 90, 80], "by 9 % to 25 %, 2 too high and 1 too low.", ""),
    ([90, 80], "by 11 % to 25 %, both too high.", ""),
])
def test_the_side_of_past_misses_is_said(actual, words, leans):
    tests = pd.DataFrame({"predicted": 100.0, "actual": actual, "days": 91})
    said = lifetime._interval_words(tests, purchase_days.purchase_days(drawn(5, 20, 100)), 20_000, 91)
    assert words in said and ("leans to one side" in said) == bool(leans) and leans in said


def test_origins_follow_each_other_and_shorten_with_the_data():
    def origins(weeks: int, horizon: int) -> tuple[int, list[int]]:
        day = np.arange(0, 7 * weeks)
        no_refunds = [np.array([], int)] * 3
        days = purchase_days.Days(pd.Series(["a"]), np.zeros(len(day), int), day, np.ones(len(day)), *no_refunds)
        return lifetime._origins(days, 7 * weeks, horizon)

    assert origins(52, 91) == (91, [273, 182, 91])
    assert len(origins(300, 91)[1]) == lifetime.MOST_ORIGINS
    assert origins(39, 273) == (91, [182, 91])
    assert origins(20, 91) == (42, [98, 56])
    assert origins(11, 91)[1] == []


# ---------------------------------------------------------------- tables
def test_calibration_and_holdout_tables_add_up():
    _, found = sample()
    tenths, models = forecast.calibration(found), forecast.holdout_table(found).set_index("forecast")
    assert tenths["tenth"].tolist() == list(range(1, 11))
    assert (tenths["predicted"] * tenths["customers"]).sum() == pytest.approx(found.backtests["predicted"].sum())
    assert (tenths["actual"] * tenths["customers"]).sum() == pytest.approx(found.backtests["actual"].sum())
    assert tenths["share"].sum() == pytest.approx(1) and tenths["share_predicted"].sum() == pytest.approx(1)
    ours, carried = models.loc["this forecast"], models.loc["the same orders as before"]
    assert abs(ours["total_error"]) < abs(carried["total_error"])
    assert ours["lift"] > carried["lift"] > models.loc["who bought last", "lift"] > 1
    assert ours["correlation"] > carried["correlation"]
    assert ours["largest_error"] == pytest.approx((1 / found.backtests["ratio"] - 1).abs().max())


def test_gains_rise_to_everything_and_begin_with_the_best_tenth():
    _, found = sample()
    table = forecast.gains(found)
    assert table["customers"].sum() == len(found.customers) and table["share"].is_monotonic_increasing
    assert table["share"].iloc[0] == pytest.approx(found.top_decile.estimate)
    assert (table["low"].iloc[0], table["high"].iloc[0]) == pytest.approx(
        (found.top_decile.low, found.top_decile.high), abs=0.005)  # a tenth is rounded up there
    assert table[["share", "high"]].iloc[-1].tolist() == pytest.approx([1, 1])
    assert forecast.gains(forecast.outlook(SMALL["nine"], as_of=data_end(SMALL["nine"]))).empty


def test_the_models_lifetime_values_stand_beside_the_textbooks():
    _, found = sample()
    ids = found.customers["customer_id"]
    assigned = pd.DataFrame({"customer_id": ids[:4], "value_group": ["Other", "Loyal", "Other", "Loyal"]})
    textbook = pd.DataFrame({"value_group": ["Loyal", "Other", "High-value"], "simple_clv": [3.0, 2.0, 1.0],
                             "customers": [2, 2, 0]})
    table = forecast.beside_textbook(textbook, found, assigned)
    values = found.customers["lifetime_value"]
    assert table["model_clv"].tolist()[:2] == pytest.approx([values[[1, 3]].mean(), values[[0, 2]].mean()])
    assert np.isnan(table["model_clv"].iloc[2]) and table["simple_clv"].tolist() == [3, 2, 1]
    hidden = textbook.assign(customers=[np.nan, 2, 0])
    assert forecast.beside_textbook(pd.DataFrame(columns=["value_group"]), found, assigned).empty
    assert forecast.beside_textbook(hidden, found, assigned)["model_clv"].isna().tolist() == [True, False, True]


# ---------------------------------------------------------------- is it worth it, and who carries it
def against_carried(**changed) -> forecast.Outlook:
    """The sample's outlook with three past forecasts as good as those of the rule, but for what is `changed`."""
    _, found = sample()
    same = {"actual": [100.0, 100, 100], "predicted": [110.0, 109, 111], "carried": [110.0, 109, 111],
            "correlation": [0.5, 0.6, 0.7], "carried_correlation": [0.5, 0.6, 0.7], "top": [0.30, 0.32, 0.31],
            "carried_top": [0.30, 0.32, 0.31], "customers": [100, 100, 100]} | changed
    length = len(same["predicted"])
    return dataclasses.replace(found, backtests=pd.DataFrame({name: values[:length] for name, values in same.items()}))


@pytest.mark.parametrize(("changed", "words"), [
    ({}, "Cannot tell: no difference is clear."),
    ({"predicted": [101.0, 102, 101]}, "Yes: better in the total, with no clear difference in the rest."),
    ({"predicted": [101.0, 102, 101], "correlation": [0.8, 0.9, 0.99], "top": [0.5, 0.52, 0.5]},
     "Yes: better in the total, in who orders how often and in the best tenth. In 3"),
    ({"predicted": [140.0, 142, 141]}, "No: worse in the total, with no clear difference in the rest."),
    ({"predicted": [101.0, 102, 101], "top": [0.1, 0.12, 0.1]}, "In part: better in the total, worse in the best te"),
    ({"predicted": [101.0, 102.0]}, "Cannot tell: it takes 3 past forecasts or more."),
    ({"predicted": [101.0]}, "Cannot tell: there are too few forecasts of the past"),
])
def test_whether_the_forecast_beats_as_before(changed, words):
    assert words in forecast.beats_sentence(against_carried(**changed))


def test_the_figures_behind_the_answer_are_said():
    said = forecast.beats_sentence(against_carried(predicted=[101.0, 98, 103]))
    assert "the total was off by 2 % on average (as before: 10 %)" in said and "was 0.60 (0.60)" in said
    assert "brought 3.1 times as many orders as a tenth drawn by lot (3.1 times)" in said
    assert forecast.beats_sentence(sample()[1]).startswith("Is the forecast better than supposing that everybody orde")


def test_one_customer_with_half_of_the_money_is_said_without_a_name():
    orders = SMALL["sixty"]
    heavy = orders["customer_id"].dropna().iloc[0]
    blown = orders.assign(amount=orders["amount"].where(orders["customer_id"] != heavy, orders["amount"] * 200))
    found = forecast.outlook(blown, as_of=data_end(orders))
    values = found.customers.set_index("customer_id")["expected_value"]
    said = forecast.heavy_sentence(found.heaviest)
    assert f"{values[heavy] / values.sum() * 100:.0f} % of the money expected comes from one customer" in said
    assert str(heavy) not in said
    assert found.heaviest.n == 1  # so that privacy.told hides it from all but the owner
    usual = forecast.outlook(orders, as_of=data_end(orders))
    assert not usual.heaviest.measurable and forecast.heavy_sentence(usual.heaviest) == ""


# ---------------------------------------------------------------- charts
def test_charts_claim_what_the_tables_say():
    _, found = sample()
    drawn_ = forecast_charts.backtests(found.backtests, found.total)
    known = found.backtests.dropna(subset=["low"])
    held = ((known["actual"] >= known["low"]) & (known["actual"] <= known["high"])).sum()
    assert drawn_.figure is not None and len(known) == len(found.backtests) - 2
    assert drawn_.title == f"What came lay within the interval in {held} of {len(known)} past forecasts"
    tenths = forecast.calibration(found)
    best = tenths.iloc[0]
    drawn_ = forecast_charts.calibration(tenths)
    assert f"{best['predicted']:.1f} orders each were expected, {best['actual']:.1f} came" in drawn_.title
    drawn_ = forecast_charts.gains(forecast.gains(found), found.top_decile)
    assert drawn_.title == found.top_decile.title and "Shaded" in drawn_.note


def test_charts_with_hidden_or_missing_numbers():
    _, found = sample()
    hidden = forecast.calibration(found).astype({"customers": "float64"})
    hidden.loc[0, ["customers", "predicted", "actual", "low", "high"]] = np.nan
    assert forecast_charts.calibration(hidden).title.startswith("Tenth 2 of customers")
    nobody = forecast.outlook(SMALL["one order"], as_of=data_end(SMALL["one order"]))
    for chart in (forecast_charts.backtests(nobody.backtests, nobody.total),
                  forecast_charts.calibration(forecast.calibration(nobody)),
                  forecast_charts.gains(forecast.gains(nobody), nobody.top_decile)):
        assert chart.figure is None and chart.title.endswith(".")
    two = forecast_charts.backtests(found.backtests.head(2), found.total)
    assert two.title == "The 2 forecasts of the past missed what came by 6 % to 21 %: both too high"
    one = forecast_charts.backtests(found.backtests.head(1), found.total)
    assert one.title == "The one forecast of the past missed what came by 6 %: too high"
    four = forecast_charts.backtests(found.backtests.head(4), found.total)  # two of them with an interval
    assert four.title.startswith("The 4 forecasts of the past missed what came by")


def test_intervals_too_wide_to_tell_are_no_headline():
    table = pd.DataFrame({"tenth": range(1, 11), "customers": 20, "predicted": 2.0, "actual": 2.0, "low": 0.0,
                          "high": [9.0] * 9 + [3.0]})
    assert "10 of 10" not in forecast_charts.calibration(table).note
    assert "too much between the forecasts to say" in forecast_charts.calibration(table).note
    telling = table.assign(low=1.5, high=[2.5] * 6 + [1.8] * 2 + [30.0] * 2)
    note = forecast_charts.calibration(telling).note
    assert "In 6 of 8 tenths with an interval narrow enough to tell" in note
    assert "The other 2 intervals are too wide to tell." in note


# ---------------------------------------------------------------- small shops
SMALL = {
    "nobody": made([]),
    "refund only": made([("a", "2024-01-01", -5)]),
    "one order": made([("a", "2024-01-01", 5)]),
    "all on one day": made([(f"c{i}", "2024-01-01", 20) for i in range(30)]),
    "two customers": made([("a", "2024-01-01", 5), ("b", "2024-01-09", 5), ("a", "2024-02-01", 9)]),
    "all once": made([(f"c{i}", pd.Timestamp("2024-01-01") + pd.Timedelta(days=3 * i), 20 + i) for i in range(60)]),
    "all given back": made([(f"c{i}", "2024-01-01", 20) for i in range(20)] + [(f"c{i}", "2024-02-01", -20)
                                                                            for i in range(20)]),
    "nine": drawn(9, 60, 300),
    "sixty": simulate.shop(customers=60, seed=4).orders,
    "a month": simulate.shop(customers=100, seed=4, weeks_before=2, weeks_after=2).orders,
    "three months": simulate.shop(customers=100, seed=4, weeks_before=9, weeks_after=4).orders,
}


@pytest.mark.parametrize("name", SMALL)
def test_small_shops_get_a_true_sentence(name):
    orders = SMALL[name]
    found = forecast.outlook(orders, as_of=data_end(orders) if len(orders) else date(2024, 1, 1))
    assert found.why and all(sentence.endswith(".") for sentence in found.sentences)
    findings = (found.total, found.value_total, found.top_decile, found.top_orders)
    assert not any("nan" in one.sentence or "inf" in one.sentence for one in findings)
    forecast.calibration(found), forecast.holdout_table(found)
    if found.model == "none":
        assert not found.total.measurable and found.customers["expected_orders"].isna().all()
        return
    figures = found.customers.drop(columns=["customer_id", "still_customer"])
    blank = figures["chance_to_buy"].isna()
    assert not blank.any() or "left blank" in found.silence_why
    figures = figures.assign(chance_to_buy=figures["chance_to_buy"].fillna(0))
    assert np.isfinite(figures.to_numpy()).all() and (figures >= 0).all().all()
    if not np.isfinite(found.total.low):
        assert "No interval yet" in found.interval_why and "." not in found.total.value


def test_what_small_shops_are_told():
    once = forecast.outlook(SMALL["all once"], as_of=data_end(SMALL["all once"]))
    assert once.model == "simple" and "nobody has bought again" in once.why
    assert "fewer than 5 orders came" in once.interval_why and len(once.backtests) == 2
    assert forecast.calibration(once).empty and forecast.holdout_table(once).empty
    assert forecast_charts.backtests(once.backtests, once.total).figure is None
    assert set(once.parameters) == {"r", "alpha"}
    month = forecast.outlook(SMALL["a month"], as_of=data_end(SMALL["a month"]))
    assert "cannot be tried on 28 days of orders; it takes at least 12 weeks" in month.interval_why
    assert not forecast.outlook(SMALL["nine"], as_of=data_end(SMALL["nine"])).top_decile.measurable


def test_one_heavy_customer_is_not_everybodys_order_value():
    orders = SMALL["sixty"]
    heavy = orders["customer_id"].dropna().iloc[0]
    blown = orders.assign(amount=orders["amount"].where(orders["customer_id"] != heavy, orders["amount"] * 200))
    usual, odd = (forecast.outlook(frame, as_of=data_end(orders)).customers.set_index("customer_id")["order_value"]
                  for frame in (orders, blown))
    assert odd[heavy] > 50 * usual[heavy]
    assert odd.drop(heavy).median() < 15 * usual.drop(heavy).median()
