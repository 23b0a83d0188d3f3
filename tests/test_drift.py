"""Drift: known answers for what has moved, forecasts that came true or did not, and files that come and go."""

import stat
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from loyalty_helpers.core.findings import Finding
from loyalty_helpers.customers import drift
from loyalty_helpers.report import gate
from loyalty_helpers.report.wording import words

THEN, NOW = date(2025, 1, 1), date(2025, 4, 2)  # 91 days
SEGMENTS = np.array(["Champions", "Loyal", "Lost"])


def kept(n: int = 300, seed: int = 1, **columns) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"customer_id": [f"c{i:04}" for i in range(n)], "segment": SEGMENTS[np.arange(n) % 3],
                          "score": rng.uniform(0, 100, n), "expected_orders": rng.gamma(1, 1, n),
                          "chance_to_buy": 0.5, "horizon_days": 91, "miss_low": 0.99, "miss_high": 1.01})
    return frame.assign(**columns)


def orders(counts: np.ndarray, *, days: int = 91, begin: date = THEN) -> pd.DataFrame:
    """So many orders of customer 0, 1, ..., spread (two fall on one day, where they are many) over `days`."""
    rows = [(f"c{i:04}", pd.Timestamp(begin) + pd.Timedelta(days=int(day), hours=9))
            for i, n in enumerate(counts) for day in np.linspace(0, days - 1, int(n), dtype=int) // 2 * 2]
    frame = pd.DataFrame(rows, columns=["customer_id", "ordered_at"])
    return frame.assign(order_id=[str(i) for i in range(len(frame))], amount=10.0, is_refund=False,
                        customer_id=frame["customer_id"].astype("str"),
                        ordered_at=frame["ordered_at"].astype("datetime64[us]"))


NONE = orders(np.zeros(1))


def came_true(before: pd.DataFrame, rows: pd.DataFrame, *, until: date = NOW) -> tuple[Finding, str]:
    found, counted = drift.came_true(before, rows, days=(THEN, until))
    return found, words(counted)


def sentences(found: drift.Drift) -> list[str]:
    return [words(one) for one in found.sentences]


# ---------------------------------------------------------------- what has moved
def test_segments_and_newcomers_by_hand():
    before = kept()
    now = before.assign(segment=before["segment"].where(before.index >= 30, "At Risk"))
    now = pd.concat([now.iloc[:290], kept(5).assign(customer_id=[f"new{i}" for i in range(5)])])
    found = drift.compare(before, now, NONE, days=(THEN, NOW))
    assert found.changed.estimate == 30 / 290 and found.changed.method == "Wilson" and found.why is None
    assert sentences(found)[0] == (
        "Since the last report (orders up to 31 December 2024) 5 customers came new and 10 customers are no longer in "
        "the data; of the 290 customers in both reports 10 % changed their segment (95 % interval 7 % to 14 %).")
    same = drift.compare(before, before, NONE, days=(THEN, NOW))
    assert (same.changed.estimate, same.changed.n) == (0, 300) and 0 < same.changed.high < 0.02
    three = before.iloc[:290].assign(segment=before["segment"].where(before.index >= 3, "At Risk"))
    hidden = gate.seen(drift.compare(before, three, NONE, days=(THEN, NOW)), 5)
    assert sentences(hidden)[0].endswith("10 customers are no longer in the data.")


@pytest.mark.filterwarnings("error")
def test_small_and_odd_runs_get_true_sentences():
    for n, why in ((9, "share 9 customers: too few"), (0, "share 0 customers: too few")):
        few = drift.compare(kept(n), kept(n), NONE, days=(THEN, NOW))
        assert why in sentences(few)[0] and few.headline is None
    strange = kept(50).assign(customer_id=[f"x{i}" for i in range(50)])
    assert "the key of the pseudonyms" in sentences(drift.compare(kept(50), strange, NONE, days=(THEN, NOW)))[0]
    silent, said = came_true(kept(30), NONE)
    assert silent.estimate == 0 and said.endswith("; 0 came.")


# ---------------------------------------------------------------- how the forecast came true
def test_a_forecast_that_comes_true_is_said_to():
    before = kept()
    actual = np.random.default_rng(5).poisson(before["expected_orders"])
    found, said = came_true(before, orders(actual))
    assert found.estimate == pytest.approx(actual.sum() / before["expected_orders"].sum())
    assert found.low < 1 < found.high
    assert said == (f"In the 91 days after it, the last report expected {before['expected_orders'].sum():.0f} orders "
                    f"of 300 customers; {actual.sum()} came.")
    assert came_true(before, orders(actual // 2))[0].high < 1
    assert came_true(before.assign(expected_orders=0.2), orders(actual))[0].low > 1


def test_elapsed_time_is_taken_in_proportion_and_never_beyond_the_horizon():
    before = kept(expected_orders=1.0)
    half = orders(np.tile([0, 2], 150), days=5)
    found, said = came_true(before, half, until=THEN + timedelta(days=45))
    assert found.estimate == pytest.approx(91 / 45) and "(its 91 days, in proportion)" in said
    later = pd.concat([half, orders(np.full(300, 5), begin=NOW)])  # after the horizon: none of its business
    earlier = pd.concat([half, orders(np.ones(300), days=1, begin=THEN - timedelta(days=1))])
    for rows in (later, earlier):
        found, said = came_true(before, rows, until=NOW + timedelta(days=60))
        assert found.estimate == pytest.approx(1) and "In the 91 days after it" in said
    found, said = came_true(before, half, until=THEN + timedelta(days=13))
    assert not found.measurable and "it takes 14" in said
    assert "made no forecast" in came_true(kept(expected_orders=np.nan), half)[1]


def test_a_forecast_is_held_to_its_own_interval():
    before = kept(2000, expected_orders=1.0)
    more = orders(np.ones(2000) + (np.arange(2000) % 5 == 0))  # 1.2 for each one expected
    assert came_true(before, more)[0].low > 1
    wide, _ = came_true(before.assign(miss_low=0.8, miss_high=1.25), more)
    assert (wide.low, wide.high) == pytest.approx((1.2 / 1.25, 1.2 / 0.8))
    unsure, said = came_true(before.drop(columns=["miss_low"]), more)
    assert np.isnan([unsure.low, unsure.high]).all() and said.endswith("2,400 came.")


def test_the_interval_covers_chance():
    rng, hits = np.random.default_rng(7), 0
    before = kept(120)
    for _ in range(60):
        found, _ = came_true(before, orders(rng.poisson(before["expected_orders"])))
        hits += found.low <= 1 <= found.high
    assert hits >= 52


def test_the_headline_says_whether_the_forecast_came_true():
    before = kept()
    actual = np.random.default_rng(5).poisson(before["expected_orders"])
    found = drift.compare(before, kept(), orders(actual), days=(THEN, NOW))
    assert words(found.headline).startswith(
        "The forecast of the last report (orders up to 31 December 2024) held: as many orders came as it expected")
    share = 100 * actual.sum() / before["expected_orders"].sum()
    assert f"({share:.0f} for each 100, 95 % interval " in words(found.headline)
    few, many = (drift.compare(before.assign(expected_orders=expected), kept(), orders(actual), days=(THEN, NOW))
                 for expected in (5.0, 0.2))
    assert "was too high: fewer orders came" in words(few.headline)
    assert "was too low: more orders came" in words(many.headline)
    half = drift.compare(before, kept(), orders(actual), days=(THEN, THEN + timedelta(days=45)))
    assert words(half.headline).startswith("So far the forecast of the last report ")
    early = drift.compare(before, kept(), orders(actual), days=(THEN, THEN + timedelta(days=13)))
    assert early.headline is None
    assert sentences(early)[1].endswith(" cannot be said: 13 days of orders have come since, and it takes 14.")
    unsure = drift.compare(before.drop(columns="miss_low"), kept(), orders(actual), days=(THEN, NOW))
    assert unsure.headline == unsure.counted  # a forecast without an interval cannot be judged


def test_what_became_of_those_first_on_the_last_list():
    before = kept().assign(first_calls=np.arange(300) < 20)
    counts = np.where(np.arange(300) < 7, 2, 0) + np.where(np.arange(300) >= 100, 1, 0)
    earlier = orders(np.ones(300), days=1, begin=THEN - timedelta(days=1))  # known to the last list
    found = drift.compare(before, kept(), pd.concat([orders(counts), earlier]), days=(THEN, NOW))
    assert sentences(found)[-1] == (
        "Of those first on the last list, 7 of 20 customers have ordered since, written to or not.")
    for none in (kept(), before.assign(first_calls=False)):  # kept by a version without lists; nobody was listed
        assert len(drift.compare(none, kept(), orders(counts), days=(THEN, NOW)).sentences) == 2


# ---------------------------------------------------------------- the files
def test_the_head_of_the_list_is_kept_with_the_scores(shop):
    assigned = kept(40)[["customer_id", "segment", "score"]]
    listed = pd.DataFrame({"customer_id": [f"c{i:04}" for i in range(39, -1, -1)],
                           "value_of_acting": np.maximum(25.0 - np.arange(40), 0)})
    now = drift.scores(assigned, kept(40), horizon_days=91, listed=listed)
    assert now.loc[now["first_calls"], "customer_id"].tolist() == [f"c{i:04}" for i in range(20, 40)]
    drift.keep(now, shop, as_of=THEN)
    assert drift.last(shop, as_of=NOW)[1]["first_calls"].sum() == 20
    drift.keep(now[list(drift.COLUMNS)], shop, as_of=THEN)  # as kept before there was such a column
    assert "first_calls" not in drift.last(shop, as_of=NOW)[1]


@pytest.fixture
def shop(tmp_path):
    return SimpleNamespace(private=tmp_path / "private")


def test_each_run_is_compared_with_the_last_one_of_earlier_data(shop):
    assert "No scores of an earlier report" in sentences(drift.since_last(kept(), NONE, shop, as_of=THEN))[0]
    drift.keep(kept(), shop, as_of=THEN)
    assert drift.last(shop, as_of=THEN) is None  # the same data again: nothing to compare with
    path = shop.private / "scores" / "2025-01-01.parquet"
    first = path.read_bytes()
    drift.keep(kept(), shop, as_of=THEN)
    assert path.read_bytes() == first and stat.S_IMODE(path.stat().st_mode) == 0o600
    day, frame = drift.last(shop, as_of=NOW)
    assert day == THEN and frame["score"].tolist() == kept()["score"].tolist()
    assert drift.since_last(kept(), NONE, shop, as_of=NOW).since == THEN


def test_a_few_files_are_kept_and_what_is_no_file_of_ours_is_left_alone(shop):
    for month in range(1, 10):
        drift.keep(kept(12), shop, as_of=date(2024, month, 1))
    folder = shop.private / "scores"
    assert [path.stem[5:7] for path in sorted(folder.glob("*.parquet"))] == [f"0{m}" for m in range(4, 10)]
    (folder / "mine.parquet").write_text("x")
    (folder / "2024-12-01.parquet").write_text("damaged")
    assert drift.last(shop, as_of=NOW)[0] == date(2024, 9, 1)
    drift.keep(kept(12), shop, as_of=NOW)
    assert (folder / "mine.parquet").exists()


@pytest.mark.parametrize("damage", [{"score": "high"}, {"score": np.nan}, {"score": np.inf}, {"horizon_days": np.nan},
                                    {"expected_orders": "many"}, {"customer_id": "c0001"}, {"customer_id": range(300)}])
def test_scores_that_cannot_be_ours_are_as_good_as_none(shop, damage):
    drift.keep(kept(), shop, as_of=THEN)
    kept().assign(**damage).to_parquet(shop.private / "scores" / "2025-01-15.parquet")
    assert drift.last(shop, as_of=NOW)[0] == THEN


def test_scores_are_those_of_all_customers():
    assigned = pd.DataFrame({"customer_id": ["b", "a"], "segment": "Lost", "score": [1.0, 2.0], "level": "Basic"})
    forecast = pd.DataFrame({"customer_id": ["a"], "expected_orders": [0.5], "chance_to_buy": [0.4], "other": 1})
    total = Finding(label="orders", unit="orders", estimate=200, low=150, high=300)
    ends = drift.scores(assigned, forecast, horizon_days=91, total=total)[["miss_low", "miss_high"]]
    assert ends.drop_duplicates().to_numpy().tolist() == [[0.75, 1.5]]
    found = drift.scores(assigned, forecast, horizon_days=91)
    assert found.columns.tolist() == list(drift.COLUMNS) and found["customer_id"].tolist() == ["a", "b"]
    assert found["expected_orders"].isna().tolist() == [False, True]
