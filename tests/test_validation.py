"""The simulation study, small: right often enough, never by luck alone, resumable, and the usual estimators wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loyalty_helpers.core import store
from loyalty_helpers.core.settings import CLONE, load_client
from loyalty_helpers.lab import baselines as textbook
from loyalty_helpers.lab import histories, simulate, tally, validate
from loyalty_helpers.lab import study as validation
from loyalty_helpers.lab import study_page as page
from loyalty_helpers.lab.study import CALIBRATED, CUPED, DOUBLY_ROBUST, TEXTBOOK, TILL, WELCH, Cell

TEST_SEED = 3_000_000
SCENARIOS = ("recent history", "mixed", "strong latent")
DRAWS = 40
LUCK = 0.001  # how often an honest estimator would fail a test of this file, were the seeds drawn anew


def small(scenario: str = "mixed", *, place: int = 0, **options) -> Cell:
    fixed = {"customers": 1000, "lift": 0.0, "estimators": TILL, "repetitions": DRAWS}
    return Cell(scenario=scenario, first_seed=TEST_SEED + 1000 * place, **(fixed | options))


@pytest.fixture(scope="module")
def draws() -> pd.DataFrame:
    """Every answer to a few draws of each kind of shop."""
    study = [*(small(scenario, place=place) for place, scenario in enumerate(SCENARIOS)),
             small(place=3, lift=0.3, repetitions=20),
             small(place=4, estimators=TEXTBOOK, repetitions=12),
             small(place=5, estimators=("randomised",), holdout=0.5, repetitions=24)]
    rows = [row for cell in study for seed in range(cell.first_seed, cell.first_seed + cell.repetitions)
            for row in validation.replicate(cell, seed)]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def table(draws) -> pd.DataFrame:
    return tally.results(draws)


def of(table: pd.DataFrame, estimator: str, lift: float = 0.0) -> pd.Series:
    rows = table[(table["estimator"] == estimator) & (table["lift"] == lift)]
    return tally.pooled(rows, ["estimator"]).iloc[0]


def honest(row: pd.Series) -> bool:
    """Whether coverage and false claims are what 95 % and 4 % would give, give or take chance."""
    n = int(row["answers"])
    return (round(row["coverage"] * n) >= stats.binom.ppf(LUCK, n, 0.95)
            and round(row["claims_positive"] * n) <= stats.binom.ppf(1 - LUCK, n, 0.04))


@pytest.mark.slow
class TestTheEstimators:
    @pytest.mark.parametrize("estimator", [CALIBRATED, DOUBLY_ROBUST, CUPED, WELCH])
    def test_hold_the_truth_and_claim_nothing_false(self, table, estimator):
        row = of(table, estimator)
        assert row["answers"] == row["repetitions"]
        assert honest(row)
        assert abs(row["bias"]) < 0.06

    def test_seldom_say_that_a_program_works_that_does_nothing(self, table):
        assert of(table, CALIBRATED)["says_works"] <= stats.binom.ppf(1 - LUCK, 3 * DRAWS, 0.05) / (3 * DRAWS)

    def test_see_a_large_effect(self, table):
        row = of(table, CALIBRATED, lift=0.3)
        assert honest(row.copy().replace({row["claims_positive"]: 0.0}))
        assert row["claims_positive"] > 0.35
        assert abs(row["bias"]) < 0.12

    def test_would_be_found_out_with_intervals_half_as_wide(self, draws):
        middle, reach = draws["estimate"], (draws["high"] - draws["low"]) / 4
        bold = tally.results(draws.assign(low=middle - reach, high=middle + reach))
        assert not honest(of(bold, CALIBRATED))

    def test_would_be_found_out_with_a_bias(self, draws):
        shifted = draws.assign(**{name: draws[name] + 0.2 for name in ("estimate", "low", "high")})
        assert not honest(of(tally.results(shifted), CALIBRATED))

    @pytest.mark.parametrize("estimator", [
        "members, after v. before joining", "members v. non-members, after", "two-way fixed effects",
        "doubly robust DiD at launch, on RFM", "Callaway–Sant'Anna, doubly robust"])
    def test_that_are_usual_find_an_effect_where_there_is_none(self, table, estimator):
        row = of(table, estimator)
        assert row["bias"] > 0.25 and row["coverage"] < 0.5 and row["claims_positive"] > 0.5
        assert row["says_works"] == 0


class TestTheTable:
    def test_has_one_row_per_cell_and_estimator(self, table, draws):
        assert list(table.columns) == [*tally.COLUMNS, *tally.MEASURES]
        assert not table.duplicated(list(tally.COLUMNS)).any()
        assert table["repetitions"].sum() == len(draws)
        assert (table["seed_last"] - table["seed_first"] + 1 == table["repetitions"]).all()

    def test_counts(self):
        rows = pd.DataFrame({
            "kind": "simulated", "scenario": "a", "customers": 10, "lift": 0.1, "estimator": "e",
            "seed": [5, 6, 7, 8], "truth": 0.1, "estimate": [0.1, 0.3, -0.2, np.nan], "low": [0.0, 0.2, -0.3, np.nan],
            "high": [0.2, 0.4, -0.1, np.nan], "refused": [False, False, True, True],
            "verdict": ["probably_works", "works", "harms", "cannot_tell"], "seconds": [1, 2, 3, 4]})
        (row,) = tally.results(rows).to_dict("records")
        told = {name: row[name] for name in ("repetitions", "refused", "answers", "bias", "coverage", "claims_positive",
                                             "claims_negative", "says_works", "says_harms", "median_width",
                                             "seconds_median", "seed_first", "seed_last")}
        assert told == pytest.approx({
            "repetitions": 4, "refused": 0.5, "answers": 3, "bias": (0 + 0.2 - 0.3) / 3, "coverage": 1 / 3,
            "claims_positive": 1 / 3, "claims_negative": 1 / 3, "says_works": 0.5, "says_harms": 0.25,
            "median_width": 0.2, "seconds_median": 2.5, "seed_first": 5, "seed_last": 8})
        assert row["coverage_se"] == pytest.approx(np.sqrt(3 / 7 * 4 / 7 / 7))
        assert row["bias_se"] == pytest.approx(np.std([0, 0.2, -0.3], ddof=1) / np.sqrt(3))

    def test_pools_by_the_number_of_answers(self):
        rows = pd.DataFrame({name: [0.0, 0.0] for name in tally.MEASURES}).assign(
            answers=[30, 10], repetitions=[30, 30], coverage=[1.0, 0.8], refused=[0.0, 0.6], median_width=[0.2, 0.5],
            estimator="e")
        row = tally.pooled(rows, ["estimator"]).iloc[0]
        assert row["coverage"] == pytest.approx(0.95) and row["refused"] == pytest.approx(0.3)
        assert (row["lowest"], row["width_low"], row["width_high"]) == (0.8, 0.2, 0.5)


@pytest.fixture
def study() -> list[Cell]:
    return validation.cells()


class TestTheStudy:
    def test_covers_what_was_asked(self, study):
        kinds = {(cell.scenario, cell.customers, cell.lift) for cell in study if TILL[0] in cell.estimators}
        assert {(scenario, customers, lift) for scenario in validation.COUNTING for customers in (200, 1000, 5000)
                for lift in (0.0, 0.10, 0.30)} <= kinds
        assert {(scenario, 1000, 0.0) for scenario in validation.KNOWN_TO_FAIL} <= kinds
        assert len(validation.COUNTING) == 8 and len(validation.KNOWN_TO_FAIL) == 4
        asked = {name for cell in study for name in cell.estimators}
        assert asked == set(validation.ESTIMATORS)

    def test_draws_often_enough_for_coverage_to_be_sure_within_a_point_and_a_half(self, study):
        draws: dict = {}
        for cell in study:
            if cell.scenario in validation.COUNTING and cell.lift >= 0 and TILL[0] in cell.estimators:
                group = (cell.customers, (cell.scenario, cell.lift) if cell.customers == 1000 else "all")
                draws[group] = draws.get(group, 0) + cell.repetitions
        assert all(np.sqrt(0.94 * 0.06 / n) < 0.015 for n in draws.values())

    def test_shares_no_seed_with_the_design_the_quick_version_or_itself(self, study):
        spans = sorted((cell.first_seed, cell.first_seed + cell.repetitions)
                       for cell in [*study, *validation.cells(quick=True), *(small(place=p) for p in range(6))])
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
        assert spans[0][0] >= validation.DESIGN_SEEDS_BELOW
        assert min(cell.first_seed for cell in study) == validation.PUBLISHED_SEED
        assert max(cell.first_seed for cell in study) < validation.PUBLISHED_SEED + validation.SEEDS_OF_HISTORIES


class TestARun:
    @pytest.fixture
    def study(self) -> list[Cell]:
        return [small(place=9, customers=60, repetitions=3), small(place=10, customers=4000, repetitions=3)]

    @staticmethod
    def numbers(table: pd.DataFrame) -> pd.DataFrame:
        return table.drop(columns="seconds_median")

    def test_goes_on_where_it_was_stopped(self, study, tmp_path, monkeypatch):
        asked, said = [], []

        def counted(cell, seed, stop_at=None, real=validation.replicate):
            if len(asked) == stop_at:
                raise KeyboardInterrupt
            asked.append(seed)
            return real(cell, seed)

        monkeypatch.setattr(validation, "replicate", lambda cell, seed: counted(cell, seed, stop_at=4))
        with pytest.raises(KeyboardInterrupt):
            validation.run(study, tmp_path, workers=1)
        monkeypatch.setattr(validation, "replicate", counted)
        whole = validation.run(study, tmp_path, workers=1, say=said.append)
        assert all(asked.count(seed) == 1 for seed in range(study[0].first_seed, study[0].first_seed + 3))
        assert len(asked) == 4 + 3  # of the second cell, the part that was not complete is drawn again
        assert said[-1].startswith("100% of the draws done")
        again = validation.run(study, tmp_path, workers=1)
        assert len(asked) == 7
        pd.testing.assert_frame_equal(again, whole)

    def test_keeps_draws_apart_by_cell_and_by_code(self, study, tmp_path, monkeypatch):
        def places(cell: Cell) -> set:
            return {task.part for task in validation._tasks(cell, tmp_path)}

        first = places(study[0])
        for change in ({"lift": 0.1}, {"scenario": "none"}, {"holdout": 0.5}, {"estimators": ("naive",)}):
            assert not places(replace(study[0], **change)) & first
        assert places(replace(study[0], repetitions=500)).isdisjoint(places(replace(study[0], customers=61)))
        monkeypatch.setattr(validation, "code_version", lambda: "another")
        assert not places(study[0]) & first

    def test_gives_the_same_with_one_worker_or_two(self, study, tmp_path):
        one = validation.run(study, tmp_path / "one", workers=1)
        two = validation.run(study, tmp_path / "two", workers=2)
        pd.testing.assert_frame_equal(*(self.numbers(tally.results(draws)) for draws in (one, two)))

    def test_of_nothing_is_an_empty_table(self, tmp_path):
        assert validation.run([], tmp_path).empty


# ---------------------------------------------------------------- real histories
@pytest.fixture(scope="module")
def shop() -> simulate.Shop:
    return simulate.shop(customers=300, seed=11)


@pytest.fixture(scope="module")
def bought(shop) -> pd.DataFrame:
    return histories._plain_purchases(shop.orders)


class TestAPlantedTruth:
    @pytest.mark.parametrize("rule", histories.RULES)
    def test_joins_customers_at_an_order_since_the_launch(self, shop, bought, rule):
        before = bought.copy()
        seen, members = histories._plant(bought, rule=rule, seed=1, launched_on=shop.launched_on)
        pd.testing.assert_frame_equal(bought, before)
        again = histories._plant(bought, rule=rule, seed=1, launched_on=shop.launched_on)
        pd.testing.assert_frame_equal(seen, again[0])
        pd.testing.assert_frame_equal(members, again[1])
        assert len(members) > 10 and members["customer_id"].is_unique
        assert (members["joined_at"] >= pd.Timestamp(shop.launched_on)).all()
        assert len(members.merge(seen, left_on=["customer_id", "joined_at"],
                                 right_on=["customer_id", "ordered_at"])) >= len(members)
        other = histories._plant(bought, rule=rule, seed=2, launched_on=shop.launched_on)[1]
        assert set(members["customer_id"]) != set(other["customer_id"])

    def test_holds_half_of_the_orders_back_where_the_rate_is_to_be_hidden(self, shop, bought):
        sizes = {rule: len(histories._plant(bought, rule=rule, seed=1, launched_on=shop.launched_on)[0])
                 for rule in histories.RULES}
        assert sizes["coin"] == sizes["recent orders"] == len(bought)
        assert abs(sizes["hidden rate"] / len(bought) - 0.5) < 0.05

    def test_leans_to_the_heavy_and_the_recently_active(self, shop, bought):
        launch = pd.Timestamp(shop.launched_on)
        early = bought[bought["ordered_at"] < launch]["customer_id"].value_counts()

        def heaviness(rule: str) -> float:
            members = [histories._plant(bought, rule=rule, seed=seed, launched_on=shop.launched_on)[1]
                       for seed in range(8)]
            return pd.concat(members)["customer_id"].map(early).fillna(0).mean()

        assert heaviness("hidden rate") > heaviness("coin") + 1
        assert heaviness("recent orders") > heaviness("coin")

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400)), min_size=1, max_size=40, unique=True))
    def test_counts_recent_orders_as_one_would_by_hand(self, visits):
        visits = sorted(visits)
        days = pd.to_timedelta([day for _, day in visits], "D")
        seen = pd.DataFrame({"customer_id": [f"C{who}" for who, _ in visits],
                             "ordered_at": pd.Timestamp("2024-01-01") + days})
        by_hand = [sum(who == other and day - 56 <= earlier < day for other, earlier in visits) for who, day in visits]
        assert histories._recent(seen).tolist() == by_hand

    @pytest.mark.parametrize(("weeks", "before"), [(143, 104), (105, 75), (95, 75), (94, 55), (78, 52), (72, 52)])
    def test_leaves_as_much_before_the_launch_as_is_needed(self, tmp_path, weeks, before):
        begin = pd.Timestamp("2024-01-01")
        days = begin + pd.to_timedelta([0, 7 * weeks - 1], "D")
        orders = pd.DataFrame({"order_id": ["1", "2"], "customer_id": ["a", "b"], "ordered_at": days, "amount": 1.0,
                               "is_refund": False})
        found = histories.history(orders, name="Shop", folder=tmp_path)
        assert (pd.Timestamp(found.launched_on) - begin).days // 7 == before
        assert found.customers == 2

    def test_refuses_a_short_history_in_words(self, tmp_path, shop):
        orders = shop.orders[shop.orders["ordered_at"] < shop.orders["ordered_at"].min() + pd.Timedelta(weeks=53)]
        words = histories.real_history(orders, name="Shop", folder=tmp_path)
        assert words.startswith("Shop: 5") and "72 are needed" in words
        assert "no order with a customer" in histories.history(orders.iloc[:0], name="Shop", folder=tmp_path)


def test_cdnow_is_read_by_customer_and_day(tmp_path):
    (tmp_path / "CDNOW_master.txt").write_text(
        " customer_id  date number_of_cds  dollar_value\n 00001 19970101  1   11.77\n 00002 19970112  1   12.00\n"
        " 00002 19970112  5   77.00\n")
    orders = histories.cdnow(tmp_path)
    assert orders["customer_id"].tolist() == ["00001", "00002"] and orders["amount"].tolist() == [11.77, 89.0]
    assert orders["ordered_at"].iloc[1] == pd.Timestamp("1997-01-12")


# ---------------------------------------------------------------- textbook estimators, by hand
def visits(rates: dict[str, tuple[int, int]], weeks: int = 8) -> pd.DataFrame:
    """Orders of each customer: so many a week in the first half of the weeks, so many in the second."""
    rows = [(f"{who}-{week}-{n}", who, pd.Timestamp("2024-01-01") + pd.Timedelta(days=7 * week + 1 + n), 10.0, False)
            for who, (early, late) in rates.items() for week in range(weeks)
            for n in range(early if week < weeks // 2 else late)]
    edge = [(f"edge-{n}", "edge", pd.Timestamp("2024-01-01") + pd.Timedelta(days=day), 10.0, False)
            for n, day in enumerate((0, 7 * weeks - 1))]
    return pd.DataFrame(rows + edge, columns=["order_id", "customer_id", "ordered_at", "amount", "is_refund"])


class TestTextbook:
    LAUNCH = date(2024, 1, 29)

    def frames(self) -> dict[str, pd.DataFrame]:
        rates = {f"m{n}": (1, 3) for n in range(6)} | {f"n{n}": (1, 2) for n in range(6)}
        orders = visits(rates)
        orders = orders[orders["customer_id"] != "edge"]
        members = pd.DataFrame({"customer_id": [f"m{n}" for n in range(6)], "joined_at": pd.Timestamp(self.LAUNCH),
                                "left_at": pd.NaT})
        return {"orders": pd.concat([orders, visits({}).assign(customer_id="n0", is_refund=True)]), "members": members}

    def test_fixed_effects_are_the_difference_in_differences_when_all_join_at_once(self):
        lift, low, high = textbook.two_way_fixed_effects(self.frames(), launched_on=self.LAUNCH)
        assert lift == pytest.approx(((3 - 1) - (2 - 1)) / (3 - 1))
        assert low <= lift <= high

    def test_a_group_time_effect_without_covariates_is_a_difference_of_mean_changes(self):
        y = np.array([[1, 2, 6], [3, 2, 8], [2, 2, 3], [2, 4, 6], [0, 0, 2], [1, 1, 2]] * 5, dtype=float)
        joined = np.array([2, 2, np.inf, np.inf, np.inf, 1] * 5)
        att, influence = textbook.group_time_att(y, joined, (2, 2))
        assert att == pytest.approx((4 + 6) / 2 - (1 + 2 + 2) / 3)
        change = y[:, 2] - y[:, 1]
        variance = sum(change[group].var() / group.sum() for group in (joined == 2, np.isinf(joined)))
        assert (influence**2).mean() / len(y) == pytest.approx(variance, rel=0.05)
        assert (influence[joined == 1] == 0).all()

    def test_covariates_take_out_a_trend_that_goes_with_them(self):
        rng = np.random.default_rng(1)
        x = rng.normal(size=4000)
        joined = np.where(rng.random(4000) < 1 / (1 + np.exp(-x)), 1.0, np.inf)
        y = np.column_stack([x, 3 * x + 1.0 * (joined == 1)]) + rng.normal(size=(4000, 2))
        plain, _ = textbook.group_time_att(y, joined, (1, 1))
        att, influence = textbook.group_time_att(y, joined, (1, 1), covariates=x[:, None])
        se = np.sqrt((influence**2).mean() / 4000)
        assert abs(att - 1) < 4 * se < 0.4
        assert plain > 2

    def test_nobody_joined_gives_no_number(self):
        frames = self.frames() | {"members": self.frames()["members"].iloc[:0]}
        for estimate in (textbook.two_way_fixed_effects, textbook.at_launch, textbook.callaway_santanna):
            assert np.isnan(estimate(frames, launched_on=self.LAUNCH)).all()


# ---------------------------------------------------------------- the published draws
def test_the_code_of_today_draws_the_published_numbers():
    """A digest would change with every comment; the numbers must not."""
    kept = pd.read_csv(CLONE / "validation" / "draws.csv")
    study = [cell for cell in validation.cells() if cell.customers == 1000]
    assert len(kept) > 150
    for cell in study[::5]:
        seed = cell.first_seed + 1
        now = pd.DataFrame(validation.replicate(cell, seed))[validation.DRAW_COLUMNS]
        then = kept[(kept["seed"] == seed) & (kept["scenario"] == cell.scenario)]
        both = then.merge(now, on=["scenario", "customers", "lift", "estimator", "seed"], suffixes=("", "_now"))
        assert len(both) == len(then) > 0
        for name in ("truth", "estimate", "low", "high"):
            np.testing.assert_allclose(both[f"{name}_now"], both[name], rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- the page
@pytest.fixture(scope="module")
def clone(tmp_path_factory, shop, table):
    """A clone with one client, its orders prepared, and a published study."""
    root = tmp_path_factory.mktemp("clone")
    for name in ("notebooks", "loyalty_helpers"):
        (root / name).symlink_to(CLONE / name)
    folder = root / "data" / "acme"
    folder.mkdir(parents=True)
    (folder / "client.yml").write_text(
        "name: Acme <Shop>\ncurrency: CNY\ntime_zone: Asia/Shanghai\n"
        f"program: {{name: Club, launched_on: {shop.launched_on}}}\nsources: {{orders: {{files: orders.csv}}}}\n")
    store.write(load_client("acme", root), {"orders": shop.orders})
    (root / "validation").mkdir()
    study = table.assign(note=None, made_on="2026-01-02", code="abc")
    study.to_csv(root / "validation" / "results.csv", index=False)
    return root


@pytest.fixture(scope="module")
def made(clone):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_ROOT", str(clone))
        patch.setitem(validate.REAL, True, 2)
        assert validate.validate("acme", quick=True, root=clone) == 0
    return clone / "reports" / "validation_acme"


@pytest.mark.slow
class TestThePage:
    def test_tells_the_client_of_its_own_history_and_of_the_published_study(self, made):
        html = (made / "validation.html").read_text(encoding="utf-8")
        text = re.sub(r"\s+", " ", re.sub("<[^>]*>", "", html))
        assert "Acme &lt;Shop&gt;" in html
        assert "acme: coin" in text and re.search(r"planted [1-6] times", text)
        assert "drawn on 2026-01-02" in text and f"{3 * DRAWS + 20} simulated shops whose truth is known" in text
        assert "Traceback" not in text and "Error" not in text

    def test_needs_no_network_and_names_no_place_of_this_machine(self, made, clone):
        html = (made / "validation.html").read_text(encoding="utf-8")
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)
        assert str(clone) not in html
        pictures = re.findall(r"<img [^>]*>", html)
        assert len(pictures) == 3 and all(len(re.search('alt="([^"]*)"', picture)[1]) > 20 for picture in pictures)

    def test_keeps_one_tidy_table(self, made):
        own = pd.read_csv(made / "results.csv").query("kind == 'real history'")
        assert set(own["scenario"]) == {f"acme: {rule}" for rule in histories.RULES}
        assert (own["truth"] == 0).all() and (own["lift"] == 0).all()
        assert {"made_on", "code", "note"} <= set(own.columns)


def test_the_published_tables_are_those_of_the_published_study():
    found = page.readme(page.read("validation"))
    assert (CLONE / "validation" / "README.md").read_text(encoding="utf-8") == found and "| " + CALIBRATED in found


class TestTheWords:
    def test_say_where_it_fails(self, table):
        bad = table.assign(answers=400, repetitions=400, coverage=0.9, claims_positive=0.1, bias=0.05)
        said, works = page.failings(bad), f"{100 * bad['says_works'].iloc[0]:.1f} %"
        assert len(said) == len(SCENARIOS) + 1
        assert said[0] == ("**recent history**, 1,000 customers, lift 0 %: +5.0 points off on average, the interval "
                           f"holds 90.0 % of the time; 10.0 % of the intervals, and {works} of the verdicts, claim "
                           "an effect that is not there.")
        assert said[-1].endswith("90.0 % of the time.")
        (said,) = page.failings(bad.assign(coverage=0.97, claims_positive=0.01))
        assert "nothing fell short" in said

    def test_set_the_figures_reached_beside_those_asked_for(self, table):
        rows = page.reached(table.assign(coverage=0.96, claims_positive=0.01))
        assert rows["reached"].tolist() == ["yes", "yes"]
        rows = page.reached(table.assign(coverage=np.where(table["scenario"] == "mixed", 0.90, 0.99)))
        assert rows["reached"].tolist() == ["no", "no"]

    def test_call_harm_by_its_name(self, table):
        rows = table[table["estimator"] == CALIBRATED].iloc[:1].assign(lift=-0.3, says_harms=0.8, says_works=0.0)
        (said,) = page.refusals(rows)[1:]
        assert "buy 30 % less, 80.0 % of the verdicts say that it harms" in said
