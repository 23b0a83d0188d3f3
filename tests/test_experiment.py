"""Customers drawn at random: known answers, planted truths and faults; and the draw itself."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import small_clone
from hypothesis import given, settings
from hypothesis import strategies as st
from said import said
from scipy import stats
from statsmodels.regression.linear_model import OLS

from loyalty_helpers import __main__
from loyalty_helpers.core.findings import verdict
from loyalty_helpers.core.settings import CLONE, Program, UserError, load_client
from loyalty_helpers.evaluation import experiment
from loyalty_helpers.evaluation.experiment import randomised
from loyalty_helpers.evaluation.rungs import too_small
from loyalty_helpers.ingest import prepare as ingest
from loyalty_helpers.ingest import pseudonyms
from loyalty_helpers.lab import simulate
from loyalty_helpers.run import holdout

START, END = date(2025, 3, 3), date(2025, 9, 1)
DAY = pd.Timedelta(days=1)


def bought(counts: dict[str, int], *, before: dict[str, int] | None = None, amount: float = 10.0) -> pd.DataFrame:
    """Orders of each customer: so many since START, on days 1, 2, ..., and so many `before`, on days -1, -2, ..."""
    rows = [(who, day) for who, n in counts.items() for day in range(1, n + 1)]
    rows += [(who, -day) for who, n in (before or {}).items() for day in range(1, n + 1)]
    rows.append(("nobody drawn", 200))  # the orders go on until END
    frame = pd.DataFrame(rows, columns=["customer_id", "day"])
    return pd.DataFrame({"customer_id": frame["customer_id"], "ordered_at": pd.Timestamp(START) + frame["day"] * DAY,
                         "amount": amount})


def drawn(arms: dict[str, str], assigned_at: object = START) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": list(arms), "arm": list(arms.values()),
                         "assigned_at": pd.Timestamp(assigned_at)})


def two_arms(treated: np.ndarray, held: np.ndarray, names: tuple[str, str] = ("program", "holdout")) -> tuple:
    """Counts and assignment of customers p0, p1, ... with the program and h0, h1, ... without."""
    ids = [f"p{i}" for i in range(len(treated))], [f"h{i}" for i in range(len(held))]
    counts = dict(zip(ids[0] + ids[1], map(int, [*treated, *held]), strict=True))
    return counts, drawn(dict.fromkeys(ids[0], names[0]) | dict.fromkeys(ids[1], names[1]))


def effect(orders: pd.DataFrame, assignment: pd.DataFrame, **options):
    return randomised(orders, assignment, **{"start": START, "end": END} | options)


@functools.cache
def shop(seed: int = 1, **options) -> simulate.Shop:
    return simulate.shop(**{"customers": 400, "holdout": 0.5, "join_rate": 0.35, "seed": seed} | options)


def judged(made: simulate.Shop, **options):
    end = made.orders["ordered_at"].max() + DAY
    return randomised(made.orders, options.pop("assignment", made.assignment),
                      **{"start": made.launched_on, "end": end} | options)


LUCK = np.random.default_rng(11)
TREATED, HELD = LUCK.poisson(3.0, 60), LUCK.poisson(2.0, 40)


# ---------------------------------------------------------------- known answers
def test_without_a_past_it_is_welch_on_the_ratio_of_means():
    found = effect(bought(*two_arms(TREATED, HELD)[:1]), two_arms(TREATED, HELD)[1])
    welch = stats.ttest_ind(TREATED, HELD, equal_var=False)
    assert found.estimate == pytest.approx(TREATED.mean() / HELD.mean() - 1)
    parts = [stats.sem(side) / side.mean() for side in (TREATED, HELD)]
    n = np.array([60, 40])
    degrees = sum(p**2 for p in parts) ** 2 / (np.array(parts) ** 4 / (n - 1)).sum()
    reach = stats.t.ppf(0.975, degrees) * np.hypot(*parts)
    assert np.log1p([found.low, found.high]) == pytest.approx(np.log1p(found.estimate) + np.array([-reach, reach]))
    # the same means and variances as scipy's test of the difference
    means = [experiment._mean(side.astype(float)) for side in (TREATED, HELD)]
    assert (means[0].value - means[1].value) / np.sqrt(means[0].variance + means[1].variance) == pytest.approx(
        welch.statistic)
    assert (found.rung, found.grade, found.n_treated, found.n_comparison, found.n) == (4, "A", 60, 40, 100)
    assert found.cross_check is None and "nothing is known of them from before" in said(found.note)


def test_the_adjustment_is_lins_regression_with_hc3():
    earlier = LUCK.normal(size=(100, 2))
    y = earlier @ [1.0, -0.5] + LUCK.normal(5, 1, 100) + np.repeat([1.0, 0.0], [60, 40])
    earlier -= earlier.mean(axis=0)
    treated = np.repeat([1.0, 0.0], [60, 40])
    design = np.column_stack([np.ones(100), treated, earlier, earlier * treated[:, None]])
    fit = OLS(y, design).fit(cov_type="HC3")
    first, second = (experiment._mean(y[treated == z], earlier[treated == z]) for z in (1, 0))
    assert (second.value, first.value - second.value) == pytest.approx(tuple(fit.params[:2]))
    assert second.variance == pytest.approx(fit.cov_params()[0, 0])
    assert first.variance + second.variance == pytest.approx(fit.cov_params()[1, 1])


def test_a_past_is_adjusted_for_and_welch_stands_beside():
    counts, assignment = two_arms(TREATED, HELD)
    past = {who: n + int(who[1:]) % 2 for who, n in counts.items()}  # nearly tells what follows
    found, plain = effect(bought(counts, before=past), assignment), effect(bought(counts), assignment)
    assert found.cross_check.estimate == plain.estimate and found.cross_check.low == plain.low
    assert found.high - found.low < 0.5 * (plain.high - plain.low)
    assert "Lin, HC3" in said(found.label) and "Welch" in said(found.cross_check.label)


def test_the_complier_effect_of_a_case_worked_by_hand():
    # 20 invited: 10 join and buy 4 each, 10 do not and buy 1; 20 not invited: 10 buy 2 (who would join), 10 buy 1
    counts, assignment = two_arms(np.repeat([4, 1], 10), np.repeat([2, 1], 10), ("invited", "not invited"))
    members = pd.DataFrame({"customer_id": [f"p{i}" for i in range(10)], "joined_at": pd.Timestamp(START)})
    found = effect(bought(counts), assignment, members=members)
    complier = found.diagnostics["complier"]
    assert found.estimate == pytest.approx(2.5 / 1.5 - 1)  # the headline is that of being invited
    assert complier.estimate == pytest.approx(4 / 2 - 1)  # those who join: 4 with it, 2 without
    assert complier.diagnostics["joined more"] == pytest.approx(0.5)
    assert complier.diagnostics["extra each"] == pytest.approx(2.0)  # Wald: (2.5 - 1.5) / 0.5
    # Y - 2 D is 2 (joined), 1 (not), 2, 1: variance 0.25 * 20/19 in each arm
    reach = stats.norm.ppf(0.975) * np.sqrt(2 * 0.25 * 20 / 19 / 20) / 0.5
    assert complier.diagnostics["extra high"] == pytest.approx(2 + reach)
    assert complier.low < complier.estimate < complier.high and "because they are invited" in said(complier.label)
    assert said(found.label).startswith("random invitation")


def test_joining_by_hardly_anybody_gives_no_complier_effect():
    counts, assignment = two_arms(TREATED, HELD, ("invited", "control"))
    members = pd.DataFrame({"customer_id": ["p1", "p2"], "joined_at": pd.Timestamp(START)})
    complier = effect(bought(counts), assignment, members=members).diagnostics["complier"]
    assert not complier.measurable and "too few" in said(complier)
    early = members.assign(joined_at=pd.Timestamp(START) - DAY)  # joined before: not because of the draw
    assert effect(bought(counts), assignment, members=early).diagnostics["complier"] is None


# ---------------------------------------------------------------- who counts, and what of them
def test_spend_is_net_of_refunds_and_what_came_to_nothing_is_no_order():
    counts, assignment = two_arms(TREATED, HELD)
    orders = bought(counts).assign(is_refund=False)
    orders["order_id"] = [f"o{i}" for i in range(len(orders))]
    back = orders[orders["customer_id"].str.startswith("p")].assign(amount=-5.0, is_refund=True)
    free = orders.iloc[:20].assign(amount=0.0, is_refund=True)
    whole = pd.concat([orders, back, free])
    assert effect(whole, assignment).estimate == pytest.approx(TREATED.mean() / HELD.mean() - 1)
    spend = effect(whole, assignment, outcome="spend")
    assert spend.estimate == pytest.approx(5 * TREATED.mean() / (10 * HELD.mean()) - 1) and spend.outcome == "spend"
    more = pd.concat([back, free])[["customer_id", "ordered_at", "amount"]]
    plain = pd.concat([bought(counts), more])  # by the sign of the amount
    assert effect(plain, assignment, outcome="spend").estimate == pytest.approx(spend.estimate)
    assert effect(plain, assignment).estimate == pytest.approx(TREATED.mean() / HELD.mean() - 1)


def test_everybody_drawn_counts_with_zero_and_contradictions_are_set_aside():
    counts, assignment = two_arms(TREATED, HELD)
    more = drawn(dict.fromkeys([f"x{i}" for i in range(60)], "program"))  # no order at all
    twice = pd.concat([assignment, assignment.iloc[:5], more, drawn({"h0": "program", "h1": "program"})])
    found = effect(bought(counts), twice)
    assert (found.n_treated, found.n_comparison) == (120, 38)
    assert found.estimate == pytest.approx(TREATED.sum() / 120 / HELD[2:].mean() - 1)
    assert found.diagnostics["in two arms"] == 2
    assert "2 customers drawn for both" in said(found.note)


def test_who_is_drawn_later_is_followed_from_the_next_day():
    counts, assignment = two_arms(TREATED, HELD)
    late = assignment.assign(assigned_at=pd.Timestamp(START) + DAY * 1.5)  # in the middle of day 1
    found = effect(bought(counts), late)
    rest = [np.maximum(side - 1, 0).mean() for side in (TREATED, HELD)]
    assert found.cross_check.estimate == pytest.approx(rest[0] / rest[1] - 1)  # adjusted for who bought on day 1
    assert found.diagnostics["drawn later"] == 100
    assert "100 of them, drawn after the start" in said(found.note)
    some = assignment.assign(assigned_at=[pd.Timestamp(END)] * 10 + [pd.NaT] * 90)  # unknown: from the start
    assert effect(bought(counts), some).diagnostics["after the end"] == 10
    assert effect(bought(counts), assignment.drop(columns="assigned_at")).n == 100


@pytest.mark.parametrize(("arms", "held_out"), [
    (("program", "Held-Out"), "Held-Out"), (("offer", "CONTROL group"), "CONTROL group"), (("yes", "no"), "no"),
    (("Angebot", "Kontrollgruppe"), "Kontrollgruppe"), (("会员", "对照组"), "对照组"), (("1", "0"), "0"),
    (("notified", "no mail"), "no mail"), (("invited", "not_invited"), "not_invited")])
def test_the_arm_held_out_is_known_by_its_name(arms, held_out):
    counts, assignment = two_arms(TREATED, HELD, arms)
    found = effect(bought(counts), assignment)
    assert found.diagnostics["customers"][held_out] == 40
    assert found.estimate == pytest.approx(TREATED.mean() / HELD.mean() - 1)


# ---------------------------------------------------------------- refusals, in words
def few(n: int) -> tuple:
    return two_arms(np.ones(60), np.arange(40) < n)


@pytest.mark.parametrize(("counts", "assignment", "words"), [
    (*two_arms(TREATED, HELD, ("red", "blue")), "neither of the arms 'blue', 'red' is called held out"),
    (*two_arms(TREATED, HELD, ("control", "holdout")), "each of the arms 'control', 'holdout'"),
    (*two_arms(TREATED, HELD, ("program", "program")), "a single arm, 'program'"),
    ({}, drawn({}), "nobody was drawn"),
    ({}, drawn({f"c{i}": f"arm {i % 3}" for i in range(99)}), "3 arms ('arm 0', 'arm 1', 'arm 2'); one comparison"),
    (*two_arms(TREATED, HELD[:9]), "9 customers in the arm 'holdout'; at least 10"),
    (*few(4), "4 customers of the arm 'holdout' bought in that time; at least 5"),
    ({"somebody": 3}, two_arms(TREATED, HELD)[1], "so the ids may not be the same"),
    (*two_arms(np.ones(60), np.ones(40)), "nobody differs"),
])
def test_what_cannot_be_compared_is_refused_in_words(counts, assignment, words):
    found = effect(bought(counts), assignment)
    assert words in said(found.refused) and words in said(found) and not found.measurable
    assert verdict(found).key == "cannot_tell" and words in said(*verdict(found).because)
    assert (found.rung, found.grade) == (4, "A")


def test_no_orders_and_no_time_are_refused():
    counts, assignment = two_arms(TREATED, HELD)
    none = bought(counts).iloc[:0]
    for found in (effect(none, assignment), effect(bought(counts), assignment, start=END, end=START),
                  effect(bought(counts), assignment, start=date(2030, 1, 1), end=date(2031, 1, 1))):
        assert "end before" in said(found.refused)


@pytest.mark.parametrize(("lost", "planned", "fires"), [(0, None, False), (0, 0.5, False), (60, 0.5, True),
                                                        (0, 0.25, True)])
def test_lost_customers_are_noticed(lost, planned, fires):
    made = shop()
    of_holdout = made.assignment.index[made.assignment["arm"] == "holdout"][:lost]
    found = judged(made, assignment=made.assignment.drop(of_holdout), planned_share=planned)
    assert (found.refused is not None and "lost or moved" in said(found.refused)) == fires
    assert found.measurable and (found.diagnostics["share p"] < 0.001) == fires
    assert found.diagnostics["share declared"] == (planned is not None) == ("cannot be checked" not in said(found.note))
    assert "another" not in said(found.refused)
    assert not fires or verdict(found).key == "cannot_tell"


@pytest.mark.parametrize(("treated", "held", "unusual"), [
    (60, 10, ""), (60, 75, "45.5 %"), (220, 45, "12 %"), (180, 58, "17.7 %"), (60, 30, ""), (60, 90, "")])
def test_without_a_plan_no_share_is_refused_or_agreed_with(treated, held, unusual):
    counts, assignment = two_arms(np.tile(TREATED, treated), np.tile(HELD, held))  # 60 and 40 customers at a time
    found = effect(bought(counts), assignment)
    assert found.refused is None and "agrees" not in said(found.note)
    assert np.isnan([found.diagnostics["planned share"], found.diagnostics["share p"]]).all()
    assert found.diagnostics["share held out"] == 40 * held / (60 * treated + 40 * held)
    assert "cannot be checked: the planned share is not in the settings (program: holdout_share)." in said(found.note)
    told = f"The share held out, {unusual}, is none of the usual ones."
    assert ("usual ones" in said(found.note)) == bool(unusual) and (told in said(found.note)) == bool(unusual)


def test_spending_and_orders_have_labels_of_their_own():
    counts, assignment = two_arms(TREATED, HELD)
    found = [effect(bought(counts, before=counts), assignment, outcome=outcome) for outcome in ("orders", "spend")]
    labels = [said(one.label) for first in found for one in (first, first.cross_check)]
    assert len(set(labels)) == 4 and all(label.startswith("random holdout, spending: ") for label in labels[2:])
    assert ["Welch" in label for label in labels] == [False, True, False, True]
    assert said(effect(bought({}), assignment, outcome="spend").label) == "random holdout, spending"


def test_arms_that_differed_before_are_noticed():
    made = shop()
    early = made.orders[made.orders["ordered_at"] < pd.Timestamp(made.launched_on)]
    spent = early.groupby("customer_id")["amount"].sum()
    best = spent.reindex(made.assignment["customer_id"]).fillna(0).rank(method="first") > len(made.assignment) / 2
    chosen = made.assignment.assign(arm=np.where(best, "program", "holdout"))  # not by lot: the best have the program
    found = judged(made, assignment=chosen)
    assert "not drawn by lot" in said(found.refused)
    assert found.diagnostics["balance"]["spend-52"]["standardised difference"] > 0.5
    fair = judged(made)
    assert fair.refused is None and all(row["p"] > 0.001 for row in fair.diagnostics["balance"].values())


def test_held_out_customers_who_join_are_counted_and_too_many_refuse():
    made = shop(everyone=True)
    held = made.assignment.loc[made.assignment["arm"] == "holdout", "customer_id"]
    for leaked, refuses in ((0, False), (10, False), (150, True)):
        extra = pd.DataFrame({"customer_id": held.iloc[:leaked], "joined_at": pd.Timestamp(made.launched_on) + DAY})
        found = judged(made, members=pd.concat([made.members, extra]))
        assert (found.refused is not None and "did not decide" in said(found.refused)) == refuses
        assert (f"{leaked} held-out customers became members" in said(found.note)) == (leaked > 0)
    invited = made.assignment.replace({"arm": {"program": "invited"}})  # an invitation keeps nobody out
    assert judged(made, assignment=invited, members=pd.concat([made.members, extra])).refused is None


# ---------------------------------------------------------------- the truth, and invariants
def test_intervals_hold_the_planted_truth_and_earlier_orders_narrow_them():
    held, narrower, claims = {"adjusted": 0, "welch": 0}, [], 0
    for seed in range(60):
        made = shop(seed=1000 + seed, lift=0.3 if seed % 2 else 0.0, weeks_before=60, weeks_after=26)
        found, truth = judged(made), made.truth["lift_of_offer"]
        for name, one in (("adjusted", found), ("welch", found.cross_check)):
            held[name] += one.low <= truth <= one.high
        narrower.append((found.high - found.low) / (found.cross_check.high - found.cross_check.low))
        claims += truth == 0 and not found.covers_zero
        assert found.refused is None
    # of 60 intervals that hold it 19 times in 20, fewer than 51 do so once in 300 times
    assert min(held.values()) >= 51 and claims <= 5
    assert np.median(narrower) < 0.9


def test_a_large_effect_is_found_and_said_to_be_of_a_random_draw():
    made = shop(customers=3000, everyone=True, lift=0.5)
    found = judged(made, members=made.members)
    assert found.low > 0.2 and found.refused is None and verdict(found).key == "works"
    assert "than those held out at random" in said(found)
    assert found.low < found.diagnostics["complier"].estimate < found.high  # nearly everybody joins
    assert judged(made, outcome="spend").low > 0.1
    assert judged(made, confidence=0.8).low > found.low


def test_inputs_stay_and_the_order_of_rows_does_not_matter():
    made = shop()
    frames = [frame.copy() for frame in (made.orders, made.assignment, made.members)]
    first = judged(made, members=made.members)
    for frame, copy in zip((made.orders, made.assignment, made.members), frames, strict=True):
        pd.testing.assert_frame_equal(frame, copy)
    mixed = randomised(*(frame.sample(frac=1, random_state=3) for frame in frames[:2]), start=made.launched_on,
                       end=made.orders["ordered_at"].max() + DAY, members=frames[2].sample(frac=1, random_state=3))
    assert (mixed.estimate, mixed.low, mixed.high) == pytest.approx((first.estimate, first.low, first.high))
    dearer = judged(made, outcome="spend")
    scaled = randomised(made.orders.assign(amount=made.orders["amount"] * 7), made.assignment,
                        start=made.launched_on, end=made.orders["ordered_at"].max() + DAY, outcome="spend")
    assert (scaled.low, scaled.high) == pytest.approx((dearer.low, dearer.high))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=0, max_size=40), st.lists(st.integers(0, 4), min_size=0, max_size=40))
def test_anything_small_gives_an_effect_or_a_reason(treated, held):
    counts, assignment = two_arms(np.array(treated), np.array(held))
    found = effect(bought(counts, before=dict.fromkeys(list(counts)[::2], 2)), assignment)
    assert found.measurable or found.refused
    assert said(found).endswith(".")
    if found.measurable:
        assert -1 < found.low <= found.estimate <= found.high


# ---------------------------------------------------------------- the draw
def spending(amounts: list[float]) -> pd.DataFrame:
    """One order of each customer c0, c1, ..."""
    return pd.DataFrame({"order_id": [f"o{i}" for i in range(len(amounts))],
                         "customer_id": pd.Series([f"c{i}" for i in range(len(amounts))], dtype="str"),
                         "ordered_at": pd.Timestamp(START), "amount": amounts, "is_refund": False})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1000), min_size=1, max_size=200), st.floats(0.01, 0.9), st.integers(0, 2**32))
def test_a_draw_holds_out_the_share_of_every_stratum_and_loses_nobody(amounts, share, seed):
    orders = spending(amounts)
    found = holdout.draw(orders, share=share, seed=seed, drawn_on=START)
    assert list(found) == ["customer_id", "arm", "assigned_at"]
    assert found["customer_id"].tolist() == sorted(orders["customer_id"])
    held = found.set_index("customer_id")["arm"].eq("holdout")
    assert abs(held.sum() - share * len(held)) < 1
    by_value = holdout.strata(orders).reindex(held.index)
    assert (abs(held.groupby(by_value).sum() - share * held.groupby(by_value).size()) < 1).all()
    mixed = holdout.draw(orders.sample(frac=1, random_state=1), share=share, seed=seed, drawn_on=START)
    pd.testing.assert_frame_equal(found, mixed)


def test_strata_are_of_equal_size_and_rise_with_the_spend_of_a_year():
    orders = spending([*range(1, 101), 0.0])
    orders.loc[0, "ordered_at"] -= 400 * DAY  # c0 spent nothing in the year
    by_value = holdout.strata(orders)
    assert by_value["c0"] == by_value["c100"] == 0
    assert by_value.value_counts().reindex(range(1, 6)).tolist() == [19, 20, 20, 20, 20]
    assert by_value[[f"c{i}" for i in range(1, 100)]].is_monotonic_increasing


def test_everybody_has_the_same_chance_and_seeds_differ():
    orders = spending([float(i) for i in range(23)])
    draws = [holdout.draw(orders, share=0.3, seed=seed, drawn_on=START)["arm"].eq("holdout") for seed in range(100)]
    chances = np.mean(draws, axis=0)
    assert abs(chances - 0.3).max() < 4.5 * np.sqrt(0.3 * 0.7 / 100)
    assert len({tuple(one) for one in draws}) > 95


def test_members_without_orders_are_drawn_too_and_inputs_stay():
    orders, members = spending([5.0] * 30), pd.DataFrame({"customer_id": ["m1", "m2", "c1", None]})
    copies = orders.copy(), members.copy()
    found = holdout.draw(orders, share=0.5, seed=1, drawn_on=START, members=members)
    assert set(found["customer_id"]) == {*orders["customer_id"], "m1", "m2"} and len(found) == 32
    pd.testing.assert_frame_equal(orders, copies[0])
    pd.testing.assert_frame_equal(members, copies[1])


def test_a_drawn_holdout_of_a_shop_passes_the_checks():
    made = shop()
    known = made.orders[made.orders["ordered_at"] < pd.Timestamp(made.launched_on)]
    found = judged(made, assignment=holdout.draw(known, share=0.2, seed=5, drawn_on=made.launched_on),
                   planned_share=0.2)
    assert found.refused is None and found.diagnostics["share p"] > 0.9


# ---------------------------------------------------------------- the verb
@pytest.fixture
def acme(tmp_path):
    """The folder of a client in a small clone, and the ids of its 120 customers, some of which look like formulas."""
    folder = small_clone.make(tmp_path)
    ids = [f"+86{i:03}" if i % 3 == 0 else f"=c{i:03}" if i % 3 == 1 else f"0{i:03}" for i in range(120)]
    rows = [f"{n},{who},2025-0{1 + n % 6}-1{n % 9},{10 + n % 70}" for n, who in enumerate(ids * 3)]
    (folder / "orders.csv").write_text("\n".join(["order_id,customer_id,ordered_at,amount", *rows]), encoding="utf-8")
    return folder, ids


def make(folder, *words: str) -> subprocess.CompletedProcess:
    """`make holdout CLIENT=acme ...` in the clone of `folder`, with this environment."""
    root, env = folder.parents[1], {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", "--no-print-directory", "-f", str(CLONE / "Makefile"), "holdout", "CLIENT=acme",
                           f"PYTHON={sys.executable}", "READY=", *words], cwd=root, capture_output=True, text=True,
                          timeout=120, env=env | {"LOYALTY_ROOT": str(root), "PYTHONPATH": str(CLONE)})


def test_the_verb_draws_a_list_that_comes_back_whole(acme):
    folder, ids = acme
    done = make(folder, "SHARE=0.25")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    [path] = (folder / "private").glob("holdout_*_0.25.csv")
    assert "of 120 known customers 30 are held out (25 %)" in done.stdout
    assert "in four cases out of five" in done.stdout or "cannot be said yet" in done.stdout
    assert "customers who came later are not in the draw" in done.stdout  # the orders are old
    text = path.read_text(encoding="utf-8")
    assert text.startswith("customer_id,arm,assigned_at\n")
    assert not [line for line in text.splitlines() if line.startswith(("=", "+"))]  # no formula
    # the lines it prints, put into the settings, bring the same list back, ids and all
    line = f"  assignment: private/{path.name}"
    assert f"\nprogram:\n  holdout_share: 0.25\nsources:\n{line}\n" in done.stdout
    settings_file = folder / "client.yml"
    settings_file.write_text(settings_file.read_text().replace("sources: {orders:", "sources: {assignment: "
                             f"{line.split(': ')[1]}, orders:"))
    client = load_client("acme", folder.parents[1])
    prepared = ingest.prepare(client)
    assignment = pseudonyms.named(prepared.tables["assignment"], prepared.ids)
    assert set(assignment["customer_id"]) == set(ids) and assignment["arm"].value_counts().to_dict() == {
        "program": 90, "holdout": 30}
    assert assignment["assigned_at"].notna().all()
    assert "names an assignment already" in holdout.make(client, share="0.25", seed="4")


def test_an_earlier_draw_is_never_overwritten(acme):
    folder, _ = acme
    client = load_client("acme", folder.parents[1])
    first = holdout.make(client, share="0.25")
    [path] = (folder / "private").iterdir()
    kept = path.read_bytes()
    with pytest.raises(UserError, match="exists already and was left as it is"):
        holdout.make(client, share="0.250")
    assert path.read_bytes() == kept and "Earlier draws" not in first
    again = holdout.make(client, share="0.25", seed="7")
    assert f"Earlier draws are there too: {path.name}" in again and path.read_bytes() == kept
    [other] = (folder / "private").glob("*_seed7.csv")
    assert other.read_bytes() != kept
    with pytest.raises(UserError, match="exists already"):
        holdout.make(client, share="0.25", seed="7")


def test_the_words_tell_a_small_shop_and_a_program_that_has_begun(acme):
    folder, _ = acme
    client = load_client("acme", folder.parents[1])
    small, begun = "This shop is too small to measure a program", "will answer for what is offered from now on"
    running = holdout.make(client, share="0.12")
    assert small not in running and begun in running and "\nprogram:\n  holdout_share: 0.12\nsources:" in running
    # 60 customers, of whom six go on buying
    rows = [f"{n},c{n % (60 if n < 120 else 6)},2025-0{1 + n // 50}-1{n % 9},10" for n in range(300)]
    (folder / "orders.csv").write_text("\n".join(["order_id,customer_id,ordered_at,amount", *rows]))
    assert too_small(ingest.prepare(client).tables["orders"])
    first = holdout.make(replace(client, program=Program()), share="0.5")
    assert small in first and begun not in first
    assert "\nprogram:\n  launched_on: " in first
    assert "\n  joining: randomised\n  holdout_share: 0.5\nsources:" in first


@pytest.mark.parametrize(("options", "words"), [
    ({"share": ""}, "SHARE= is empty: give the share .* such as SHARE=0.1"),
    ({"share": "10"}, "For 10 % write SHARE=0.1"), ({"share": "a tenth"}, "SHARE=a tenth is not a share"),
    ({"share": "nan"}, "is not a share"), ({"share": "0"}, "is not a share"), ({"share": "-0.1"}, "is not a share"),
    ({"share": "0.05"}, "Give a share from 0.09 to 0.5"), ({"share": "0.1", "seed": "x"}, "SEED=x is not a seed"),
    ({"share": "0.1", "seed": "1.5"}, "not a seed")])
def test_wrong_shares_and_seeds_get_a_sentence(acme, options, words):
    folder, _ = acme
    with pytest.raises(UserError, match=words):
        holdout.make(load_client("acme", folder.parents[1]), **options)
    assert not (folder / "private").exists()


def test_a_shop_too_small_for_a_holdout_is_told_so(acme):
    folder, _ = acme
    (folder / "orders.csv").write_text("order_id,customer_id,ordered_at,amount\n1,a,2025-01-05,10\n")
    with pytest.raises(UserError, match="too small for a holdout"):
        holdout.make(load_client("acme", folder.parents[1]), share="0.5")


def test_the_command_line_passes_share_and_seed_on(acme, monkeypatch, capsys):
    monkeypatch.setattr("loyalty_helpers.core.settings.ROOT", acme[0].parents[1])
    assert __main__.main(["holdout", "acme", "--share", "0.5", "--seed", "3"]) == 0
    assert "60 are held out (50 %)" in (said := capsys.readouterr().out) and "(seed 3)" in said
    assert len(list((acme[0] / "private").glob("holdout_*_0.5_seed3.csv"))) == 1
    assert __main__.main(["--share=5", "holdout", "acme"]) == 1
    assert capsys.readouterr().err.startswith("SHARE=5 is not a share")
    with pytest.raises(SystemExit):
        __main__.main(["check", "--share=0.1", "acme"])
    assert "--share belongs to the verb holdout" in capsys.readouterr().err


def test_git_ignores_what_is_drawn():
    done = subprocess.run(["git", "check-ignore", *(f"data/{key}/private/holdout_2025-03-03_0.1.csv"
                                                    for key in ("acme", "sample", "online_retail"))],
                          cwd=CLONE, capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 3
