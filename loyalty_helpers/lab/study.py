"""The simulation study: how often is each estimator right, where the truth is known?

A cell is one kind of shop, drawn many times: simulated with a planted lift, or a real order history in which simulated
customers join (and nothing happens to them). Every estimator answers every draw; `results` counts how often it was
right. Draws are kept as they come, so that a run that was stopped goes on where it stopped.
"""

from __future__ import annotations

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

import pandas as pd

from loyalty_helpers.core.findings import Effect, count, verdict
from loyalty_helpers.core.purchases import span
from loyalty_helpers.evaluation import kpis, till
from loyalty_helpers.evaluation.before_after import naive
from loyalty_helpers.evaluation.experiment import randomised
from loyalty_helpers.evaluation.till import at_the_till
from loyalty_helpers.evaluation.trends import interrupted_time_series, trend
from loyalty_helpers.lab import baselines as textbook
from loyalty_helpers.lab import simulate

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
DRAW_COLUMNS = ["scenario", "customers", "lift", "estimator", "seed", "truth", "estimate", "low", "high"]


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

    @property
    def depends(self) -> dict:
        """What its draws depend on."""
        return asdict(self) | {"repetitions": None}

    def draw(self, seed: int) -> Draw:
        shop = simulate.shop(customers=self.customers, lift=self.lift, seed=seed, holdout=self.holdout,
                             **simulate.SCENARIOS[self.scenario])
        return Draw(shop.frames, shop.launched_on, shop.truth)


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
    return with_seeds(study, QUICK_SEED if quick else PUBLISHED_SEED)


def _cell(scenario: str, customers: int, lift: float, estimators: tuple[str, ...] = TILL, **options) -> Cell:
    spend = ("at the till, spend",) if (estimators, customers) == (TILL, 1000) and scenario in SPEND_IN else ()
    return Cell(scenario=scenario, customers=customers, lift=lift, estimators=estimators + spend, **options)


def with_seeds(study: Iterable, first: int) -> list:
    """Every cell with seeds of its own: two cells share no luck, so that their errors can be pooled."""
    return [replace(cell, first_seed=first + SEEDS_OF_A_CELL * place) for place, cell in enumerate(study)]


# ---------------------------------------------------------------- who answers
def _naive(draw: Draw) -> list[Effect]:
    return naive(draw.frames, kpis.windows(draw.frames["orders"], launched_on=draw.launched_on))


def _textbook(estimate: Callable[..., textbook.Lift], label: str, draw: Draw) -> list[Effect]:
    lift, low, high = estimate(draw.frames, launched_on=draw.launched_on)
    return [Effect(label=label, unit="lift", estimate=lift, low=low, high=high, outcome="orders", rung=0, grade="E")]


def _trend(draw: Draw) -> list[Effect]:
    orders, named = draw.frames["orders"], {"launched_on": draw.launched_on}
    return [replace(interrupted_time_series(orders, **named), label="interrupted time series, HAC"),
            replace(trend(orders, **named), label="unobserved components, local level")]


def _at_the_till(outcome: str, draw: Draw) -> list[Effect]:
    effect = at_the_till(draw.frames["orders"], draw.frames["members"], launched_on=draw.launched_on, outcome=outcome)
    names = {till.LABELS["calibrated", outcome]: CALIBRATED, till.LABELS["doubly robust", outcome]: DOUBLY_ROBUST}
    end = SPEND if outcome == "spend" else ""
    return [replace(one, label=names[one.method] + end) for one in (effect, effect.cross_check) if one is not None]


def _randomised(draw: Draw) -> list[Effect]:
    orders = draw.frames["orders"]
    effect = randomised(orders, draw.frames["assignment"], start=draw.launched_on, end=span(orders).end.date())
    return [replace(one, label=WELCH if "Welch" in one.method else CUPED)
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


def replicate(cell: Cell, seed: int) -> list[dict]:
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


# ---------------------------------------------------------------- the run
@dataclass(frozen=True)
class Task:
    """A few draws of a cell, fewer where its shops are larger, and the file that keeps what came of them."""

    cell: Cell
    seeds: range
    part: Path


def run(study: Sequence[Cell], folder: Path, *, workers: int | None = None,
        say: Callable[[str], None] | None = None) -> pd.DataFrame:
    """Draw what is not in `folder` yet of every cell in `study`, on all cores, and give all draws: see `replicate`.

    `folder` keeps the draws by a key of the cell and of the code that they depend on, each file whole or not at all:
    a run that was stopped goes on where it stopped, one after a change of the estimators begins anew. The same study
    gives the same numbers, apart from the seconds, with any number of `workers` (None: all cores). `say` hears of
    the progress.
    """
    tasks = [task for cell in study for task in _tasks(cell, folder)]
    left = [task for task in tasks if not task.part.exists()]
    began, said = time.monotonic(), 0.0
    for done, _ in enumerate(_worked(left, workers or os.cpu_count() or 1), start=1):
        passed = time.monotonic() - began
        if say and (passed - said > QUIET_SECONDS or done == len(left)):
            minutes = round(passed * (len(left) / done - 1) / 60)
            say(f"{done / len(left):.0%} of the draws done; {count(minutes, 'minute')} left")
            said = passed
    parts = [pd.read_csv(task.part) for task in tasks]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["kind", *DRAW_COLUMNS])


def first_draws(draws: pd.DataFrame, *, each: int = 2) -> pd.DataFrame:
    """The first `each` draws of every kind of simulated shop of 1,000 customers, one row per estimator.

    Kept beside the published table, so that any later version of the code can be held to the same numbers.
    """
    rows = draws[(draws["kind"] == "simulated") & (draws["customers"] == 1000)]
    first = rows.groupby(["scenario", "lift", "estimator"])["seed"].transform("min")
    kept = rows[rows["seed"] < first + each]
    return kept[DRAW_COLUMNS].sort_values(["seed", "estimator"], ignore_index=True)


def _tasks(cell: Cell, folder: Path) -> list[Task]:
    key = sha256(json.dumps([cell.depends, code_version()], sort_keys=True, default=str).encode()).hexdigest()[:24]
    step, last = max(1, 8000 // max(cell.customers, 1)), cell.first_seed + cell.repetitions
    return [Task(cell, seeds, folder / key / f"{seeds.start}-{seeds.stop}.csv")
            for seeds in (range(start, min(start + step, last)) for start in range(cell.first_seed, last, step))]


@cache
def code_version() -> str:
    """A digest of the code that the draws depend on: all of the evaluation but what comes after the estimates."""
    package = Path(__file__).resolve().parents[1]
    after = {"__init__.py", "payoff.py", "power.py", "rungs.py", "driver_analysis.py", "cases.py"}
    others = ("core/findings.py", "core/glm.py", "core/purchases.py", "core/windows.py", "lab/baselines.py",
              "lab/life.py", "lab/simulate.py")
    files = [*(path for path in sorted((package / "evaluation").rglob("*.py")) if path.name not in after),
             *(path for name in others if (path := package / name).exists())]
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
