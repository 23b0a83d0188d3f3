"""The simulation study: how often is each estimator right, where the truth is known?

A cell is one kind of shop, drawn many times: simulated with a planted lift, or a real order history in which simulated
customers join (and nothing happens to them). Every estimator answers every draw; `results` counts how often it was
right. Draws are kept as they come, so that a run that was stopped goes on where it stopped.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import cache, partial
from hashlib import sha256
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from unittest.mock import patch

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN, Effect, count, verdict
from loyalty_helpers.core.purchases import WEEK, purchases, span
from loyalty_helpers.core.windows import windows
from loyalty_helpers.evaluation import till
from loyalty_helpers.evaluation.before_after import naive
from loyalty_helpers.evaluation.experiment import randomised
from loyalty_helpers.evaluation.till import at_the_till
from loyalty_helpers.evaluation.trends import interrupted_time_series, trend
from loyalty_helpers.lab import baselines as textbook
from loyalty_helpers.lab import simulate
from loyalty_helpers.report.wording import words

# Seeds below a million were used while the estimators were designed. The published table has its own, so that nothing
# was tuned to the luck it shows; the quick version and the tests have others again.
DESIGN_SEEDS_BELOW = 1_000_000
QUICK_SEED, PUBLISHED_SEED = 5_000_000, 9_000_000
SEEDS_OF_A_CELL, SEEDS_OF_HISTORIES = 1000, 500_000
QUIET_SECONDS = 5  # between two words of progress

COUNTING = tuple(simulate.SCENARIOS)[:8]  # the scenarios an estimator must survive
KNOWN_TO_FAIL = tuple(simulate.SCENARIOS)[8:]
LIFTS = (0.0, 0.10, 0.30)
TILL = ("at the till",)
TEXTBOOK = ("naive", "fixed effects", "at launch", "Callaway-Sant'Anna", "trend")
SPEND_IN = ("mixed", "strong latent", "novelty decay")  # where spend is measured beside orders
HELD_OUT = 0.5

CALIBRATED, DOUBLY_ROBUST = "at the till, history-calibrated (3a)", "at the till, doubly robust DiD (3b)"
SPEND = ", spend"
WELCH, CUPED = "random holdout, Welch", "random holdout, CUPED"
BELIEVED = (CALIBRATED, DOUBLY_ROBUST, CALIBRATED + SPEND, DOUBLY_ROBUST + SPEND, WELCH, CUPED)

# what section 4 of the design asks: coverage at least, false "it works" at most, by number of customers
ASKED = {200: (0.95, 0.03), 1000: (0.94, 0.04), 5000: (0.94, 0.04)}
JOIN_RATE = 0.15  # chance to join at an order, in a real history
RULES = ("coin", "recent orders", "hidden rate")
LONGEST_AFTER = 39
NEED_BEFORE, NEED_AFTER = (75, 52), 20  # whole weeks; with the smaller number 3b alone can answer

COLUMNS = ("kind", "scenario", "customers", "lift", "estimator")
MEASURES = ("repetitions", "refused", "answers", "truth", "bias", "bias_se", "coverage", "coverage_se",
            "claims_positive", "claims_negative", "says_works", "says_harms", "median_width", "seconds_median",
            "seed_first", "seed_last")


# ---------------------------------------------------------------- what is drawn
@dataclass(frozen=True)
class Draw:
    """One shop, as an estimator sees it, and the truth by name ("lift_13_weeks", "lift_of_offer")."""

    frames: dict[str, pd.DataFrame]
    launched_on: date
    truth: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One kind of simulated shop, to be drawn `repetitions` times with seeds from `first_seed` on."""

    scenario: str
    customers: int
    lift: float
    estimators: tuple[str, ...]
    repetitions: int
    first_seed: int = 0
    holdout: float = 0.0
    kind: str = field(default="simulated", init=False)

    def draw(self, seed: int) -> Draw:
        shop = simulate.shop(customers=self.customers, lift=self.lift, seed=seed, holdout=self.holdout,
                             **simulate.SCENARIOS[self.scenario])
        return Draw(shop.frames, shop.launched_on, shop.truth)


@dataclass(frozen=True, kw_only=True)
class History:
    """A real order history (a Parquet file of orders, identified purchases only) and the launch planted in it."""

    name: str
    path: str
    digest: str
    launched_on: date
    customers: int


@dataclass(frozen=True, kw_only=True)
class PlantedCell:
    """A real history in which customers join by a `rule` (one of RULES), to no effect."""

    history: History
    rule: str
    estimators: tuple[str, ...]
    repetitions: int
    first_seed: int = 0
    lift: float = field(default=0.0, init=False)
    kind: str = field(default="real history", init=False)

    @property
    def scenario(self) -> str:
        return f"{self.history.name}: {self.rule}"

    @property
    def customers(self) -> int:
        return self.history.customers

    def draw(self, seed: int) -> Draw:
        orders, members = plant(_read_orders(self.history.path), rule=self.rule, seed=seed,
                                launched_on=self.history.launched_on)
        return Draw({"orders": orders, "members": members}, self.history.launched_on, {"lift_13_weeks": 0.0})


def cells(*, quick: bool = False) -> list[Cell]:
    """The study. Published: coverage's own standard error stays below 1.5 points wherever it counts.

    In each of the eight scenarios that count at 1,000 customers, and over all eight at 200 and 5,000. `quick` is the
    version of a minute or two: no effect only, and fewer draws.
    """
    each, pooled, lifts = (24, 16, (0.0,)) if quick else (400, 64, LIFTS)
    study = [_cell(scenario, customers, lift, repetitions=each if customers == 1000 else pooled)
             for customers in (1000, 200, *(() if quick else (5000,))) for scenario in COUNTING for lift in lifts]
    study += [_cell(scenario, 1000, lift, repetitions=each) for scenario in KNOWN_TO_FAIL for lift in lifts[:2]]
    study += [_cell("mixed", 1000, 0.0, TEXTBOOK, repetitions=each),
              _cell("mixed", 1000, 0.0, ("randomised",), repetitions=each, holdout=HELD_OUT)]
    if not quick:
        study += [_cell("hidden appetite", 5000, lift, repetitions=128) for lift in lifts[:2]]
        study += [_cell("mixed", customers, -0.30, repetitions=64) for customers in (1000, 5000)]
        study += [_cell("mixed", 1000, 0.10, ("randomised",), repetitions=each, holdout=HELD_OUT)]
    return _with_seeds(study, QUICK_SEED if quick else PUBLISHED_SEED)


def _cell(scenario: str, customers: int, lift: float, estimators: tuple[str, ...] = TILL, **options) -> Cell:
    spend = ("at the till, spend",) if (estimators, customers) == (TILL, 1000) and scenario in SPEND_IN else ()
    return Cell(scenario=scenario, customers=customers, lift=lift, estimators=estimators + spend, **options)


def _with_seeds(study: Iterable, first: int) -> list:
    """Every cell with seeds of its own: two cells share no luck, so that their errors can be pooled."""
    return [replace(cell, first_seed=first + SEEDS_OF_A_CELL * place) for place, cell in enumerate(study)]


# ---------------------------------------------------------------- who answers
def _naive(draw: Draw) -> list[Effect]:
    spans = windows(draw.frames["orders"], launched_on=draw.launched_on)
    return [replace(one, label=words(one.label)) for one in naive(draw.frames, spans)]


def _textbook(estimate: Callable[..., textbook.Lift], label: str, draw: Draw) -> list[Effect]:
    lift, low, high = estimate(draw.frames, launched_on=draw.launched_on)
    return [Effect(label=label, unit="lift", estimate=lift, low=low, high=high, outcome="orders", rung=0, grade="E")]


def _trend(draw: Draw) -> list[Effect]:
    orders, named = draw.frames["orders"], {"launched_on": draw.launched_on}
    return [replace(interrupted_time_series(orders, **named), label="interrupted time series, HAC"),
            replace(trend(orders, **named), label="unobserved components, local level")]


def _at_the_till(outcome: str, draw: Draw) -> list[Effect]:
    effect = at_the_till(draw.frames["orders"], draw.frames["members"], launched_on=draw.launched_on, outcome=outcome)
    names = {till.LABELS[one, outcome].key: name for one, name in (("calibrated", CALIBRATED),
                                                                 ("doubly-robust", DOUBLY_ROBUST))}
    end = SPEND if outcome == "spend" else ""
    return [replace(one, label=names[one.label.key] + end) for one in (effect, effect.cross_check) if one is not None]


def _randomised(draw: Draw) -> list[Effect]:
    orders = draw.frames["orders"]
    effect = randomised(orders, draw.frames["assignment"], start=draw.launched_on, end=span(orders).end.date())
    return [replace(one, label=WELCH if one.label.key == "draw-welch" else CUPED)
            for one in (effect, effect.cross_check) if one is not None]


# name -> (who answers, the truth it is held against)
ESTIMATORS: dict[str, tuple[Callable[[Draw], list[Effect]], str]] = {
    "naive": (_naive, "lift_13_weeks"),
    "fixed effects": (partial(_textbook, textbook.two_way_fixed_effects, "two-way fixed effects"), "lift_13_weeks"),
    "at launch": (partial(_textbook, textbook.at_launch, "doubly robust DiD at launch, on RFM"), "lift_13_weeks"),
    "Callaway-Sant'Anna": (partial(_textbook, textbook.callaway_santanna, "Callaway–Sant'Anna, doubly robust"),
                           "lift_13_weeks"),
    "trend": (_trend, "lift_13_weeks"),
    "at the till": (partial(_at_the_till, "orders"), "lift_13_weeks"),
    "at the till, spend": (partial(_at_the_till, "spend"), "lift_13_weeks"),
    "randomised": (_randomised, "lift_of_offer"),
}


def replicate(cell: Cell | PlantedCell, seed: int) -> list[dict]:
    """One draw: a row for every answer, with the truth it is held against; `seconds` are those of the call."""
    draw, rows = cell.draw(seed), []
    for name in cell.estimators:
        answer, truth = ESTIMATORS[name]
        began = time.perf_counter()
        effects = answer(draw)
        seconds = time.perf_counter() - began
        rows += [{"kind": cell.kind, "scenario": cell.scenario, "customers": cell.customers, "lift": cell.lift,
                  "estimator": effect.label, "seed": seed, "truth": draw.truth[truth], "estimate": effect.estimate,
                  "low": effect.low, "high": effect.high, "refused": bool(effect.refused) or not effect.measurable,
                  "verdict": verdict(effect).key, "seconds": seconds} for effect in effects]
    return rows


# ---------------------------------------------------------------- real histories
def history(orders: pd.DataFrame, *, name: str, folder: Path) -> History | str:
    """A real order history with a launch to plant in it; or, in words, why it cannot serve.

    The launch leaves at least 75 whole weeks before it and 20 after, up to 39, or else 52 before (for 3b alone). The
    orders are kept in `folder` for the processes that need them; no more of them than customer, time and amount.
    """
    bought = _plain_purchases(orders)
    if bought.empty:
        return f"{name}: there is no order with a customer."
    weeks = _whole_weeks(bought)
    before = next((least for least in NEED_BEFORE if weeks >= least + NEED_AFTER), None)
    if before is None:
        return (f"{name}: {count(weeks, 'whole week')} of orders; {NEED_BEFORE[-1] + NEED_AFTER} are needed, "
                f"{NEED_BEFORE[-1]} before a planted launch and {NEED_AFTER} after it.")
    launch = span(bought).end - min(weeks - before, LONGEST_AFTER) * WEEK
    content = pd.util.hash_pandas_object(bought, index=False).to_numpy().tobytes()
    digest = sha256(content).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{digest}.parquet"
    bought.to_parquet(path, index=False)
    return History(name=name, path=str(path), digest=digest, launched_on=launch.date(),
                   customers=bought["customer_id"].nunique())


def long_enough(orders: pd.DataFrame) -> bool:
    """Whether the orders reach far enough for both estimators at the till."""
    bought = _plain_purchases(orders)
    return len(bought) > 0 and _whole_weeks(bought) >= NEED_BEFORE[0] + NEED_AFTER


def _whole_weeks(bought: pd.DataFrame) -> int:
    begin, end = span(bought)
    return (end - begin) // WEEK


def _plain_purchases(orders: pd.DataFrame) -> pd.DataFrame:
    bought = purchases(orders, known=True)
    return bought[["order_id", "customer_id", "ordered_at", "amount"]].assign(is_refund=False).sort_values(
        ["customer_id", "ordered_at"], kind="stable", ignore_index=True)


@cache
def _read_orders(path: str) -> pd.DataFrame:
    return pd.read_parquet(path)


def plant(orders: pd.DataFrame, *, rule: str, seed: int, launched_on: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The orders an estimator may see, and members who joined at one of them since the launch, to no effect.

    `orders` are purchases by customer and time. The chance to join at an order follows the rule: "coin", the same at
    every order; "recent orders", more with orders in the 8 weeks before; "hidden rate", more with a high rate of
    orders before the launch, seen only in a half of each customer's orders that is drawn by lot and then held back.
    """
    rng = np.random.Generator(np.random.PCG64([seed, *rule.encode()]))
    launch, hidden = pd.Timestamp(launched_on), np.zeros(len(orders), dtype=bool)
    if rule == "hidden rate":
        hidden = rng.random(len(orders)) < 0.5
    seen = orders[~hidden].reset_index(drop=True)
    leaning = {"coin": lambda: np.zeros(len(seen)),
               "recent orders": lambda: 0.4 * (np.minimum(_recent(seen), 4) - 1),
               "hidden rate": lambda: _leaning(orders[hidden], seen, launch)}[rule]()
    odds = JOIN_RATE / (1 - JOIN_RATE) * np.exp(leaning)
    joins = (seen["ordered_at"] >= launch) & (rng.random(len(seen)) < odds / (1 + odds))
    members = seen[joins].drop_duplicates("customer_id")[["customer_id", "ordered_at"]]
    return seen, members.rename(columns={"ordered_at": "joined_at"}).assign(left_at=pd.NaT).reset_index(drop=True)


def _recent(seen: pd.DataFrame) -> np.ndarray:
    """Orders of the same customer in the 8 weeks before each order."""
    customer = pd.factorize(seen["customer_id"])[0].astype("int64")
    minutes = (seen["ordered_at"] - seen["ordered_at"].min()) // pd.Timedelta(minutes=1)
    span = int(minutes.max()) + 1
    keys = customer * (2 * span) + span + minutes.to_numpy()
    reach = min(int(8 * WEEK / pd.Timedelta(minutes=1)), span)
    return np.searchsorted(keys, keys) - np.searchsorted(keys, keys - reach)


def _leaning(held_back: pd.DataFrame, seen: pd.DataFrame, launch: pd.Timestamp) -> np.ndarray:
    """Log of each customer's held-back rate before the launch, about its mean over the orders since."""
    early = held_back.loc[held_back["ordered_at"] < launch, "customer_id"].value_counts()
    first = seen.groupby("customer_id")["ordered_at"].transform("min")
    weeks = ((launch - first) / WEEK).clip(lower=0)
    rate = np.log((1 + seen["customer_id"].map(early).fillna(0)) / (20 + weeks)).to_numpy(dtype=float)
    since = (seen["ordered_at"] >= launch).to_numpy()
    return rate - rate[since].mean() if since.any() else rate


def real_history(orders: pd.DataFrame, *, name: str, folder: Path, repetitions: int = 100,
                 first_seed: int = PUBLISHED_SEED) -> list[PlantedCell] | str:
    """The cells of one real history, one for each rule; or, in words, why there are none."""
    ready = history(orders, name=name, folder=folder)
    if isinstance(ready, str):
        return ready
    return _with_seeds([PlantedCell(history=ready, rule=rule, estimators=("naive", *TILL), repetitions=repetitions)
                        for rule in RULES], first_seed)


def cdnow(folder: Path) -> pd.DataFrame | None:
    """Orders of the CDNOW music shop, 1997-1998: CDNOW_master.txt in `folder`, or as the package `lifetimes` has it.

    Orders of a customer on one day are one. None where there is neither. The package is not imported, only looked in.
    """
    package = importlib.util.find_spec("lifetimes")
    places = [folder / "CDNOW_master.txt"]
    if package is not None and package.submodule_search_locations:
        places.append(Path(package.submodule_search_locations[0]) / "datasets" / "CDNOW_master.txt")
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        return None
    lines = pd.read_csv(file, sep=r"\s+", header=None, usecols=[0, 1, 3], dtype={0: "str", 1: "str"}, skiprows=1,
                        names=["customer_id", "day", "pieces", "amount"])
    orders = lines.groupby(["customer_id", "day"], as_index=False)["amount"].sum()
    return pd.DataFrame({"order_id": orders["customer_id"] + "-" + orders["day"], "customer_id": orders["customer_id"],
                         "ordered_at": pd.to_datetime(orders["day"], format="%Y%m%d").astype("datetime64[us]"),
                         "amount": orders["amount"], "is_refund": False})


# ---------------------------------------------------------------- the run
@dataclass(frozen=True)
class Task:
    """A few draws of the cell at `place` in the study, and the file that keeps what came of them."""

    place: int
    cell: Cell | PlantedCell
    seeds: range
    part: Path

    @property
    def effort(self) -> float:
        """About how long it takes, in no particular unit."""
        slow = sum(500 for name in self.cell.estimators if name in TEXTBOOK)
        return len(self.seeds) * (1500 + slow + self.cell.customers)


def run(study: Sequence[Cell | PlantedCell], folder: Path, *, workers: int | None = None,
        say: Callable[[str], None] | None = None) -> pd.DataFrame:
    """Draw what is not in `folder` yet of every cell in `study`, on all cores, and give all draws: see `replicate`.

    `folder` keeps the draws by a key of the cell and of the code that they depend on, each file whole or not at all:
    a run that was stopped goes on where it stopped, one after a change of the estimators begins anew. The same study
    gives the same numbers, apart from the seconds, with any number of `workers` (None: all cores). `say` hears of
    the progress.
    """
    tasks = [task for place, cell in enumerate(study) for task in _tasks(place, cell, folder)]
    left = {task.part: task for task in tasks if not task.part.exists()}
    total, began, said = sum(task.effort for task in left.values()), time.monotonic(), 0.0
    for part in _worked(list(left.values()), workers or os.cpu_count() or 1):
        del left[part]
        passed = time.monotonic() - began
        if say and (passed - said > QUIET_SECONDS or not left):
            say(_progress(len(study), list(left.values()), total, passed))
            said = passed
    parts = [pd.read_csv(task.part) for task in tasks]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*COLUMNS, *DRAW_COLUMNS])


DRAW_COLUMNS = ["scenario", "customers", "lift", "estimator", "seed", "truth", "estimate", "low", "high"]


def first_draws(draws: pd.DataFrame, *, each: int = 2) -> pd.DataFrame:
    """The first `each` draws of every kind of simulated shop of 1,000 customers, one row per estimator.

    Kept beside the published table, so that any later version of the code can be held to the same numbers.
    """
    rows = draws[(draws["kind"] == "simulated") & (draws["customers"] == 1000)]
    first = rows.groupby(["scenario", "lift", "estimator"])["seed"].transform("min")
    kept = rows[rows["seed"] < first + each]
    return kept[DRAW_COLUMNS].sort_values(["seed", "estimator"], ignore_index=True)


def _tasks(place: int, cell: Cell | PlantedCell, folder: Path) -> list[Task]:
    said = asdict(cell) | {"repetitions": None}
    if isinstance(cell, PlantedCell):
        said["history"] |= {"path": None}  # the digest says what is in it
    key = sha256(json.dumps([said, code_version()], sort_keys=True, default=str).encode()).hexdigest()[:24]
    step, last = max(1, 8000 // max(cell.customers, 1)), cell.first_seed + cell.repetitions
    return [Task(place, cell, seeds, folder / key / f"{seeds.start}-{seeds.stop}.csv")
            for seeds in (range(start, min(start + step, last)) for start in range(cell.first_seed, last, step))]


@cache
def code_version() -> str:
    """A digest of the code that the draws depend on: all of the evaluation but what comes after the estimates."""
    package = Path(__file__).resolve().parents[1]
    after = {"__init__.py", "payoff.py", "power.py", "rungs.py", "driver_analysis.py", "cases.py"}
    files = [*(path for path in sorted((package / "evaluation").glob("*.py")) if path.name not in after),
             *(package / name for name in ("core/findings.py", "core/glm.py", "lab/baselines.py", "lab/simulate.py"))]
    return "c" + sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]  # a letter: no number


def _worked(tasks: Sequence[Task], workers: int) -> Iterable[Path]:
    """The parts as they are done; with one worker here, otherwise in processes of one thread each."""
    if workers == 1 or len(tasks) < 2:
        yield from map(_work, tasks)
        return
    with patch.dict(os.environ, {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}):
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_stay_with_parent)
        try:
            for future in as_completed([pool.submit(_work, task) for task in tasks]):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _stay_with_parent() -> None:
    """A worker leaves the keyboard's interrupt to its parent, and ends when that does, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=lambda: (wait([parent_process().sentinel]), os._exit(1)), daemon=True).start()


def _work(task: Task) -> Path:
    rows = [row for seed in task.seeds for row in replicate(task.cell, seed)]
    task.part.parent.mkdir(parents=True, exist_ok=True)
    beside = task.part.with_suffix(f".{os.getpid()}.new")
    pd.DataFrame(rows).to_csv(beside, index=False)
    os.replace(beside, task.part)
    return task.part


def _progress(cells: int, left: Sequence[Task], total: float, seconds: float) -> str:
    share = 1 - sum(task.effort for task in left) / total
    minutes = seconds * (1 - share) / share / 60
    return (f"{cells - len({task.place for task in left})} of {count(cells, 'cell')} done, {share:.0%} of the work; "
            f"{'under a minute' if minutes < 1 else 'about ' + count(round(minutes), 'minute')} left")


def results(draws: pd.DataFrame) -> pd.DataFrame:
    """One row per cell and estimator, from one row per draw and answer; shares are fractions, lifts 0.10 = +10 %.

    `repetitions` are the draws; `refused` the share in which the estimator had no answer or did not stand by it; all
    that follows is over the answers, also those it did not stand by: `bias` (mean of estimate less truth) and
    `coverage` of the interval, with their standard errors; `claims_positive` and `claims_negative` (the interval lies
    above, below nil), `says_works` (the verdict is works or probably works), `says_harms`, `median_width`. `truth` is
    the mean true lift, `seconds_median` the time of the call that gave the answer.
    """
    answered = draws["low"].notna() & draws["high"].notna() & draws["truth"].notna()
    holds = (draws["low"] <= draws["truth"]) & (draws["truth"] <= draws["high"])
    told = draws.assign(
        error=draws["estimate"] - draws["truth"], holds=holds.where(answered).astype(float),
        positive=(draws["low"] > 0).where(answered).astype(float),
        negative=(draws["high"] < 0).where(answered).astype(float),
        works=draws["verdict"].isin(["works", "probably_works"]), harms=draws["verdict"] == "harms",
        width=(draws["high"] - draws["low"]).where(answered))
    table = told.groupby(list(COLUMNS), sort=False).agg(
        repetitions=("seed", "size"), refused=("refused", "mean"), answers=("holds", "count"), truth=("truth", "mean"),
        bias=("error", "mean"), spread=("error", "std"), coverage=("holds", "mean"),
        claims_positive=("positive", "mean"), claims_negative=("negative", "mean"), says_works=("works", "mean"),
        says_harms=("harms", "mean"), median_width=("width", "median"), seconds_median=("seconds", "median"),
        seed_first=("seed", "min"), seed_last=("seed", "max")).reset_index()
    return table.assign(
        bias_se=table["spread"] / np.sqrt(table["answers"].where(table["answers"] > 0)),
        coverage_se=share_error(table["coverage"], table["answers"]))[[*COLUMNS, *MEASURES]]


def share_error(share: pd.Series, n: pd.Series) -> pd.Series:
    """Standard error of a share of n, after two more of either kind (Agresti and Coull 1998): never nil."""
    near = (share * n + 2) / (n + 4)
    return np.sqrt(near * (1 - near) / (n + 4))


def pooled(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """`results` over several cells, weighted by their answers (shares of all draws: by repetitions).

    `width_low` and `width_high` are the smallest and the largest of the cells' median widths, `lowest` the lowest of
    their coverages.
    """
    def merged(rows: pd.DataFrame) -> pd.Series:
        answers, draws = rows["answers"], rows["repetitions"]
        coverage = _mean(rows["coverage"], answers)
        return pd.Series({
            "cells": len(rows), "repetitions": draws.sum(), "answers": answers.sum(),
            "refused": _mean(rows["refused"], draws), "bias": _mean(rows["bias"], answers), "coverage": coverage,
            "coverage_se": share_error(coverage, answers.sum()), "lowest": rows["coverage"].min(),
            "claims_positive": _mean(rows["claims_positive"], answers),
            "claims_negative": _mean(rows["claims_negative"], answers),
            "says_works": _mean(rows["says_works"], draws), "says_harms": _mean(rows["says_harms"], draws),
            "width_low": rows["median_width"].min(), "width_high": rows["median_width"].max(),
            "seconds_median": rows["seconds_median"].median()})

    return table.groupby(list(by), sort=False)[list(MEASURES)].apply(merged).reset_index()


def _mean(values: pd.Series, weights: pd.Series) -> float:
    known = values.notna() & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else NAN
