"""Real order histories with a planted truth: customers join by a rule, and nothing happens to them.

No trust in a simulator is needed for these cells of the study.
"""

from __future__ import annotations

import importlib.util
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import count
from loyalty_helpers.core.purchases import WEEK, purchases, span
from loyalty_helpers.lab.study import PUBLISHED_SEED, TILL, Draw, with_seeds

JOIN_RATE = 0.15  # chance to join at an order
RULES = ("coin", "recent orders", "hidden rate")
LONGEST_AFTER = 39
NEED_BEFORE, NEED_AFTER = (75, 52), 20  # whole weeks; with the smaller number 3b alone can answer


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
    def depends(self) -> dict:
        """What its draws depend on: the digest says what is in the history."""
        said = asdict(self)
        return said | {"repetitions": None, "history": said["history"] | {"path": None}}

    @property
    def scenario(self) -> str:
        return f"{self.history.name}: {self.rule}"

    @property
    def customers(self) -> int:
        return self.history.customers

    def draw(self, seed: int) -> Draw:
        orders, members = _plant(_read_orders(self.history.path), rule=self.rule, seed=seed,
                                launched_on=self.history.launched_on)
        return Draw({"orders": orders, "members": members}, self.history.launched_on, {"lift_13_weeks": 0.0})


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


def _plant(orders: pd.DataFrame, *, rule: str, seed: int, launched_on: date) -> tuple[pd.DataFrame, pd.DataFrame]:
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
    return with_seeds([PlantedCell(history=ready, rule=rule, estimators=("naive", *TILL), repetitions=repetitions)
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
