"""What goes with loyalty: known answers, planted truths, shops that hold next to nothing, and only careful words."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from said import in_words, said
from scipy import stats
from statsmodels.discrete.discrete_model import Logit

from loyalty_helpers.core.messages import message
from loyalty_helpers.evaluation import driver_analysis
from loyalty_helpers.evaluation.driver_analysis import drivers_sentence, key_drivers_sentence
from loyalty_helpers.lab import simulate

DAY = pd.Timedelta(days=1)
ORIGIN = pd.Timestamp("2025-06-02")
CAUSAL = re.compile(r"\b(caus|driv(e|es|ing)\b|leads? to|because of the program|thanks to|makes? )", re.IGNORECASE)


def orders_of(rows: list[tuple]) -> pd.DataFrame:
    """Canonical orders from (customer, days since the origin, amount); a negative amount is a refund."""
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    return pd.DataFrame({
        "order_id": pd.Series([f"o{i}" for i in range(len(frame))], dtype="str"),
        "customer_id": frame["customer_id"].astype("str"),
        "ordered_at": (ORIGIN + frame["day"].astype(float) * DAY).astype("datetime64[us]"),
        "amount": frame["amount"].astype(float),
        "is_refund": frame["amount"] < 0,
        "channel": pd.Series(pd.NA, index=frame.index, dtype="str"),
        "category": pd.Series(pd.NA, index=frame.index, dtype="str"),
        "rating": np.nan,
    })


def members_of(customers: list[str], day: float = -50) -> pd.DataFrame:
    return pd.DataFrame({
        "customer_id": pd.Series(customers, dtype="str"),
        "joined_at": pd.Series([ORIGIN + day * DAY] * len(customers), dtype="datetime64[us]"),
        "left_at": pd.Series(pd.NaT, index=range(len(customers)), dtype="datetime64[us]"),
        "tier": pd.Series(["Gold"] * len(customers), dtype="str"),
    })


def survey_of(**answers) -> pd.DataFrame:
    n = len(next(iter(answers.values())))
    return pd.DataFrame({"answered_at": pd.Series([ORIGIN - 30 * DAY] * n, dtype="datetime64[us]"),
                         "customer_id": pd.Series([pd.NA] * n, dtype="str")} | answers)


def alike(members: tuple[int, int], others: tuple[int, int]) -> dict[str, pd.DataFrame]:
    """Customers alike but for membership; (buys again, does not) for members and others. The data end at day 91."""
    rows = [("last", 90.5, 10)]  # not a customer of the year before: she only ends the data
    names = {}
    for kind, (yes, no) in {"m": members, "o": others}.items():
        names[kind] = [f"{kind}{i:04d}" for i in range(yes + no)]
        rows += [(name, -100, 10) for name in names[kind]]
        rows += [(name, 20, 10) for name in names[kind][:yes]]
    return {"orders": orders_of(rows), "members": members_of(names["m"])}


def drivers(frames: dict, **options) -> pd.DataFrame:
    return in_words(driver_analysis.drivers(frames, **options))


def key_drivers(survey: pd.DataFrame | None) -> pd.DataFrame:
    return in_words(driver_analysis.key_drivers(survey))


def row_of(table: pd.DataFrame, driver: str) -> pd.Series:
    return table[table["driver"] == driver].iloc[0]


@pytest.fixture(scope="module")
def shop() -> simulate.Shop:
    return simulate.shop(customers=1500, lift=0.0, seed=7)


@pytest.fixture(scope="module")
def table(shop) -> pd.DataFrame:
    return drivers(shop.frames)


# ---------------------------------------------------------------- known answers
def test_a_table_of_two_by_two_by_hand():
    row = row_of(drivers(alike((60, 40), (80, 120))), "being a member")
    assert row["estimate"] == pytest.approx(60 * 120 / (40 * 80))
    # HC3 of a saturated model: Woolf's variance of each side, over (1 - 1/n)^2
    se = np.sqrt((1 / 60 + 1 / 40) / (1 - 1 / 100) ** 2 + (1 / 80 + 1 / 120) / (1 - 1 / 200) ** 2)
    reach = stats.t.ppf(0.975, 298) * se
    assert np.log([row["low"], row["high"]]) == pytest.approx([np.log(2.25) - reach, np.log(2.25) + reach])
    assert "times as high as without it" in row["sentence"] and "; 300 customers)" in row["sentence"]


def test_fit_agrees_with_statsmodels():
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(400), rng.normal(size=(400, 3))])
    y = (rng.random(400) < 1 / (1 + np.exp(-design @ [-0.5, 0.4, 0, -0.2]))).astype(float)
    beta, se = driver_analysis._fit(design, y)
    fit = Logit(y, design).fit(disp=0, cov_type="HC0")
    assert beta == pytest.approx(fit.params, abs=1e-6)
    assert se == pytest.approx(fit.bse, rel=0.05) and (se > fit.bse).all()  # HC3 is a little wider


def test_planted_odds_of_a_behavior_are_found():
    rows = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        past = rng.integers(1, 6, 900)
        x = np.log(past)
        later = rng.random(900) < 1 / (1 + np.exp(0.3 - 0.5 * (x - x.mean()) / x.std()))
        made = [(f"c{i:03d}", -100, 10) for i in np.repeat(np.arange(900), past)]
        made += [(f"c{i:03d}", 10, 10) for i in np.flatnonzero(later)]
        rows.append(row_of(drivers({"orders": orders_of([*made, ("last", 90.5, 10)])}), "orders in the past year"))
    found = pd.DataFrame(rows)
    assert np.log(found["estimate"].astype(float)).mean() == pytest.approx(0.5, abs=0.07)  # three standard errors
    assert ((found["low"] <= np.exp(0.5)) & (found["high"] >= np.exp(0.5))).sum() >= 9


# ---------------------------------------------------------------- planted truths
def test_old_orders_go_with_future_orders_and_satisfaction_does_not(table):
    assert row_of(table, "orders in the past year")["low"] > 1
    assert row_of(table, "days since the last order")["high"] < 1
    survey = table[table["driver"].str.startswith("rating of ")]
    assert len(survey) == 4 and survey["estimate"].notna().all()
    assert ((survey["low"] <= 1) & (survey["high"] >= 1)).sum() >= 3  # mood moves no orders in this shop


def test_only_the_past_is_looked_at(shop, table):
    """What happens after the origin changes the outcome alone: nobody's behavior, membership or answers."""
    end = shop.orders["ordered_at"].max().normalize() + DAY
    origin = end - driver_analysis.FOLLOW
    later_members = shop.members[shop.members["joined_at"] < origin]
    later_survey = shop.survey.copy()
    later = later_survey["answered_at"] >= origin
    later_survey.loc[later, ["nps", "driver_price"]] = 1.0
    orders = shop.orders.assign(amount=shop.orders["amount"].where(shop.orders["ordered_at"] < origin, 1.0))
    assert later.any() and 0 < len(later_members) < len(shop.members)
    pd.testing.assert_frame_equal(drivers(shop.frames | {"orders": orders, "members": later_members,
                                                         "survey": later_survey}), table)


def test_levels_of_membership_are_not_taken_from_the_future(table):
    row = row_of(table, "level of membership")
    assert np.isnan(row["estimate"]) and "may have earned" in row["sentence"]


def test_a_reversed_scale_turns_the_rating_round(shop):
    usual = drivers(shop.frames)
    turned = drivers(shop.frames, scales={"driver_price": (5.0, 1.0)})
    one, other = (row_of(each, "rating of price") for each in (usual, turned))
    assert other["estimate"] == pytest.approx(1 / one["estimate"])
    assert other["low"] == pytest.approx(1 / one["high"])


# ---------------------------------------------------------------- words, and shops with next to nothing
def test_words_never_speak_of_causes(shop, table):
    words = [*table["sentence"], said(drivers_sentence(table)), *key_drivers(shop.survey)["sentence"],
             said(key_drivers_sentence(key_drivers(shop.survey)))]
    assert not [text for text in words if CAUSAL.search(text)]
    assert any("goes with" in text for text in words)


def test_the_sentence_says_what_the_numbers_say(table):
    told = table[table["estimate"].notna()]
    unclear = (told["low"] <= 1) & (told["high"] >= 1)
    assert told["sentence"].str.contains("no clear link").eq(unclear).all()
    less = told[told["high"] < 1]
    assert less["sentence"].str.contains("goes with not buying").all() and len(less)
    assert f", {(~unclear).sum()} clearly" in said(drivers_sentence(table))
    assert (told["low"] <= told["estimate"]).all() and (told["estimate"] <= told["high"]).all()
    assert np.log(told["estimate"]).abs().is_monotonic_decreasing


def nearly_nothing() -> dict[str, dict[str, pd.DataFrame]]:
    few = simulate.shop(customers=30, seed=2)
    one = orders_of([("a", -10, 5)])
    return {
        "no orders": {"orders": one.iloc[:0]},
        "one order": {"orders": one},
        "only anonymous orders": {"orders": one.assign(customer_id=pd.Series(pd.NA, index=one.index, dtype="str"))},
        "only refunds": {"orders": orders_of([("a", -200, -5), ("b", 30, -1)])},
        "thirty customers": few.frames,
        "thirty customers, orders alone": {"orders": few.orders},
        "everybody buys again": alike((40, 0), (40, 0)),
        "nobody does": alike((0, 40), (0, 40)),
        "members all come back": alike((40, 0), (60, 60)),
        "empty lists": {"orders": few.orders, "members": few.members.iloc[:0], "survey": few.survey.iloc[:0]},
        "an anonymous survey": {"orders": few.orders, "survey": few.survey.assign(
            customer_id=pd.Series(pd.NA, index=few.survey.index, dtype="str"))},
    }


@pytest.mark.parametrize("name", nearly_nothing())
def test_every_shop_gets_true_words_and_no_traceback(name):
    frames = nearly_nothing()[name]
    before = {key: frame.copy() for key, frame in frames.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = drivers(frames)
        key = key_drivers(frames.get("survey"))
        words = [said(drivers_sentence(found)), said(key_drivers_sentence(key))]
    assert list(found.columns) == driver_analysis.COLUMNS and list(key.columns) == driver_analysis.KEY_COLUMNS
    assert len(found) and found["sentence"].str.len().gt(10).all()
    assert not any("nan" in text or CAUSAL.search(text) for text in [*found["sentence"], *words])
    missing = found["estimate"].isna()
    assert found["sentence"].str.contains("cannot be told, because").eq(missing).all()
    assert np.isfinite(found.loc[~missing, ["low", "high"]].to_numpy()).all()
    for key_, frame in frames.items():
        pd.testing.assert_frame_equal(frame, before[key_])


def test_reasons_name_the_numbers():
    everybody = drivers(alike((40, 0), (40, 0)))
    assert "80 of 80 customers of the past year bought again; it takes 10 who did and 10 who did not" in \
        row_of(everybody, "being a member")["sentence"]
    apart = drivers(alike((40, 0), (60, 60)))
    assert "all did the same" in row_of(apart, "being a member")["sentence"]
    nobody = drivers({"orders": alike((60, 40), (80, 120))["orders"]})
    assert "no member list" in row_of(nobody, "being a member")["sentence"]
    assert "all customers are alike" in row_of(nobody, "orders in the past year")["sentence"]
    few = drivers(alike((5, 4), (80, 120)))
    assert "9 customers with it and 200 without; it takes 10" in row_of(few, "being a member")["sentence"]


def test_few_buyers_leave_room_for_the_first_variables_only():
    rng, rows = np.random.default_rng(1), [("last", 90.5, 10)]
    for i in range(300):
        rows += [(f"c{i:03d}", -rng.uniform(1, 360), rng.uniform(5, 50)) for _ in range(rng.integers(1, 5))]
        rows += [(f"c{i:03d}", 20, 10)] if i < 25 else []
    found = drivers({"orders": orders_of(rows)})
    told = found[found["estimate"].notna()]
    assert set(told["driver"]) == {"orders in the past year", "days since the last order"}
    assert "25 buyers of 300 customers are too few for so many" in row_of(found, "money per order")["sentence"]


def test_what_tells_the_same_is_left_out():
    rng = np.random.default_rng(2)
    x = pd.Series(rng.normal(size=200))
    y = pd.Series((rng.random(200) < 0.5).astype(float))
    values = {"one": x, "the same": 3 * x + 0.01 * rng.normal(size=200), "other": x[::-1].reset_index(drop=True)}
    variables = [driver_analysis.Variable(message("driver-rating", of=label), "behavior", known)
                 for label, known in values.items()]
    rows = driver_analysis._model(variables, y, 0.95)
    assert "nearly the same" in said(rows[1]["sentence"])
    assert np.isfinite([rows[0]["estimate"], rows[2]["estimate"]]).all()


# ---------------------------------------------------------------- key drivers
def test_key_drivers_against_the_textbook():
    rng = np.random.default_rng(4)
    nps, service = rng.integers(0, 11, 200).astype(float), rng.integers(1, 6, 200).astype(float)
    row = key_drivers(survey_of(nps=nps, driver_service=service)).iloc[0]
    known = stats.pearsonr(service, nps)
    interval = known.confidence_interval(0.95)
    assert [row["importance"], row["importance_low"], row["importance_high"]] == pytest.approx(
        [known.statistic, interval.low, interval.high])
    reach = stats.t.ppf(0.975, 199) * service.std(ddof=1) / np.sqrt(200) / 4
    assert [row["performance"], row["performance_low"], row["performance_high"]] == pytest.approx(
        [(service.mean() - 1) / 4 + k * reach for k in (0, -1, 1)])
    assert f"rated {service.mean():.1f} on a scale from 1" in row["sentence"] and row["driver"] == "service"
    assert row["quadrant"] == "unsure"  # alone it is its own cut


def four_kinds(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    mood = rng.normal(size=n)
    answers = {name: np.clip(np.round(mean + link * mood + 0.5 * rng.normal(size=n)), 1, 5) for name, (mean, link) in {
        "driver_service": (2.6, 0.8), "driver_quality": (3.8, 0.8), "driver_price": (2.6, 0.0),
        "driver_delivery_time": (3.8, 0.0)}.items()}
    return survey_of(nps=np.clip(np.round(6 + 2 * mood), 0, 10), **answers)


def test_quadrants_are_found_where_there_is_enough_to_tell():
    found = key_drivers(four_kinds(800)).set_index("driver")
    assert found["quadrant"].to_dict() == dict(zip(("service", "quality", "price", "delivery time"),
                                                   driver_analysis.QUADRANTS, strict=False))
    assert "Fix first: service." in said(key_drivers_sentence(found.reset_index()))
    few = key_drivers(four_kinds(12))
    assert (few["quadrant"] == "unsure").sum() >= 2
    assert "no clear link" in found.loc["price", "sentence"]


def test_the_latest_answer_of_each_customer_counts():
    survey = survey_of(nps=[0.0, 10.0] * 20, driver_service=[1.0, 5.0] * 20)
    survey["customer_id"] = pd.Series([f"c{i // 2}" for i in range(40)], dtype="str")
    survey["answered_at"] += pd.to_timedelta([0, 1] * 20, unit="D").to_numpy()
    row = key_drivers(survey).iloc[0]
    assert row["performance"] == 1 and np.isnan(row["importance"])
    assert "all alike" in row["sentence"]


def test_without_driver_questions_there_are_no_key_drivers(shop):
    columns = ["answered_at", "customer_id", "nps"]
    for survey in (None, shop.survey[columns], shop.survey.drop(columns="nps"), shop.survey.iloc[:0]):
        assert key_drivers(survey).empty and key_drivers_sentence(key_drivers(survey)) == ""


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(0, 10**6))
def test_key_drivers_keep_their_bounds(n, seed):
    rng = np.random.default_rng(seed)
    survey = survey_of(nps=rng.integers(0, 11, n).astype(float),
                       **{f"driver_{name}": np.where(rng.random(n) < 0.2, np.nan, rng.integers(1, 6, n))
                          for name in "abc"})
    before = survey.copy()
    found = key_drivers(survey)
    pd.testing.assert_frame_equal(survey, before)
    told = found[found["importance"].notna()]
    assert (told["importance_low"].between(-1, told["importance"])).all()
    assert (told["importance_high"].between(told["importance"], 1)).all()
    rated = found[found["performance"].notna()]
    assert (rated["performance_low"].between(0, rated["performance"])).all()
    assert (rated["performance_high"].between(rated["performance"], 1)).all()
    placed = found[found["quadrant"] != "unsure"]
    good = placed["quadrant"].isin(["keep", "fine"])
    assert (placed["performance_low"] > placed["performance_cut"]).eq(good).all()
    assert found["sentence"].str.len().gt(10).all()


def test_same_data_same_numbers(shop, table):
    shuffled = {name: frame.sample(frac=1, random_state=1) for name, frame in shop.frames.items()}
    pd.testing.assert_frame_equal(drivers(shuffled), table, rtol=1e-6)
