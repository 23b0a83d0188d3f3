"""Canonical tables: one row per customer, one per customer and week, and the files they are kept in.

`customers` and `customer_weeks` are written once, in Narwhals: the same lines run on pandas frames and, lazily, on
DuckDB relations (10 million orders in seconds), and give back what they were given. Everything else here reads and
writes files, and never leaves a half-written one behind.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd

from loyalty_helpers import privacy
from loyalty_helpers.core.columns import SOURCES
from loyalty_helpers.core.errors import UserError, suggest

if TYPE_CHECKING:
    from loyalty_helpers.client import Client

TABLES = (*SOURCES, "themes", "choices", "customers", "customer_weeks")
DAY = 24 * 3600 * 1_000_000  # in microseconds
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet may run a cell that begins with one of these


# ---------------------------------------------------------------- orders -> customers, customer_weeks
def customers(orders: Any, *, as_of: date, members: Any = None) -> Any:
    """One row per identified customer, sorted by customer_id, in the kind of frame that `orders` is.

    `orders` (canonical; pandas frame or DuckDB relation) is taken whole: cut it to the period wanted before. `orders`
    counts distinct order_ids that are no refunds; `spend` is the money of all rows, refunds included, in the client's
    currency; `mean_order` is spend / orders. `categories` counts the distinct known categories bought, missing where
    none is known; `rating` is the mean of the known ratings. `recency_days` and `tenure_days` are whole days, rounded
    down, from the last and the first order to `as_of` (a date means its first instant, in the client's time zone).
    `joined_at` is the customer's first one in `members` (the same kind of frame: customer_id, joined_at).

    A customer with refunds only has 0 orders and no dates, mean or recency. Anonymous orders appear nowhere.
    """
    ordered = (
        _counted_once(orders)
        .with_columns(unknown=nw.col("category").is_null().cast(nw.Int64))
        .group_by("customer_id")
        .agg(
            nw.col("bought_at").min().alias("first_order_at"),
            nw.col("bought_at").max().alias("last_order_at"),
            nw.col("counted").sum().alias("orders"),
            nw.col("amount").sum().alias("spend"),
            nw.col("category").n_unique().alias("categories"),  # a missing one counts as one here
            nw.col("unknown").max(),
            nw.col("rating").mean(),
        )
    )
    known = nw.col("categories") - nw.col("unknown")
    now = nw.lit(_moment(as_of))
    result = (
        _with_joined_at(ordered, members)
        .select(
            "customer_id", "first_order_at", "last_order_at", nw.col("orders").cast(nw.Int64), "spend",
            nw.when(nw.col("orders") > 0).then(nw.col("spend") / nw.col("orders")).alias("mean_order"),
            nw.when(known > 0).then(known).cast(nw.Float64).alias("categories"),
            "rating",
            _whole(now - nw.col("last_order_at"), DAY).cast(nw.Float64).alias("recency_days"),
            _whole(now - nw.col("first_order_at"), DAY).cast(nw.Float64).alias("tenure_days"),
            "joined_at",
        )
        .sort("customer_id")
    )
    return nw.maybe_reset_index(result).to_native()


def customer_weeks(orders: Any, *, origin: date) -> Any:
    """One row per identified customer and week with any row of `orders`, sorted, in the kind of frame `orders` is.

    `week` counts whole weeks from `origin` (its first instant, in the client's time zone), rounded down: -1 is the
    week that ends there. `orders` and `spend` as in `customers`; an order_id that spreads over several weeks counts
    in the first, its money where it stands, so that both tables have the same totals.
    """
    week = _whole(nw.col("ordered_at") - nw.lit(_moment(origin)), 7 * DAY)
    result = (
        _counted_once(orders)
        .with_columns(week=week)
        .group_by("customer_id", "week")
        .agg(nw.col("counted").sum().alias("orders"), nw.col("amount").sum().alias("spend"))
        .with_columns(nw.col("orders").cast(nw.Int64))
        .sort("customer_id", "week")
    )
    return nw.maybe_reset_index(result).to_native()


def _counted_once(orders: Any) -> Any:
    """The identified rows with `counted` (1 on one row of each purchase), `bought_at`, and `category` if bought.

    Nearly every order_id stands in one row, which is counted as it stands. The few that repeat count nothing there;
    a row without money is added for each instead, at its first moment. Counting distinct ids group by group would
    need more memory, and count an order twice that spreads over two weeks. A purchase without order_id is an order
    of its own.
    """
    rows = nw.from_native(orders).filter(~nw.col("customer_id").is_null())
    bought = rows.filter(~nw.col("is_refund"))
    repeated = bought.group_by("order_id").agg(nw.len().alias("rows")).filter(nw.col("rows") > 1)
    firsts = (
        bought.join(repeated, on="order_id", how="semi")
        .group_by("customer_id", "order_id")
        .agg(nw.col("ordered_at").min())
        .select("customer_id", "ordered_at", counted=nw.lit(1, nw.Int64))
    )
    purchase = ~nw.col("is_refund")
    rows = rows.join(repeated, on="order_id", how="left").select(
        "customer_id", "ordered_at", "amount", "rating",
        counted=(purchase & nw.col("rows").is_null()).cast(nw.Int64),
        bought_at=nw.when(purchase).then(nw.col("ordered_at")),
        category=nw.when(purchase).then(nw.col("category")),
    )
    return nw.concat([rows, firsts], how="diagonal")


def _with_joined_at(ordered: Any, members: Any) -> Any:
    if members is None:
        return ordered.with_columns(joined_at=nw.lit(None, nw.Datetime("us")))
    joined = nw.from_native(members).group_by("customer_id").agg(nw.col("joined_at").min())
    return ordered.join(joined, on="customer_id", how="left")


def _whole(duration: nw.Expr, unit: int) -> nw.Expr:
    """Whole units (in microseconds) of a duration, rounded down also below zero."""
    return duration.dt.total_microseconds() // unit


def _moment(day: date) -> datetime:
    return pd.Timestamp(day).to_pydatetime()


# ---------------------------------------------------------------- the prepared tables
def write(client: Client, frames: Mapping[str, pd.DataFrame], ids: pd.DataFrame = privacy.NO_IDS) -> None:
    """Keep `frames` (name -> frame; "orders" among them) as the client's whole set of Parquet files.

    All or nothing: first everything is written beside; then the old set ends with the removal of its orders, and the
    new one begins when its orders arrive, last. Without orders nothing can be read, so a process killed in between
    leaves no mixture, and chapter 01 makes the set again. Tables not in `frames` are removed.

    `ids` (pseudonym -> id, as `privacy.guarded` gave them) go to the private folder, for `read_ids`.
    """
    beside = client.prepared / f".new-{os.getpid()}"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        for name, frame in frames.items():
            frame.to_parquet(beside / f"{name}.parquet", index=False)
        _seal(client).unlink(missing_ok=True)
        for old in client.prepared.glob("*.parquet"):
            old.unlink()
        _replace(_ids(client), lambda file: ids.to_parquet(file, index=False), mode="wb", private=True)
        for name in sorted(frames, key="orders".__eq__):
            os.replace(beside / f"{name}.parquet", client.prepared / f"{name}.parquet")
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def read(client: Client, name: str) -> pd.DataFrame:
    """One prepared table; UserError where nothing is prepared yet, or the client has no such table."""
    path = client.prepared / f"{name}.parquet"
    _check_prepared(client)
    if not path.exists():
        remedy = ("To have one, name its file under 'sources' in client.yml and run chapter 01 again." if name in TABLES
                  else f"There are {', '.join(TABLES)}.{suggest(name, TABLES)}")
        raise UserError(f"{client.key} has no table '{name}'. {remedy}")
    return pd.read_parquet(path)


def read_all(client: Client) -> dict[str, pd.DataFrame]:
    """All prepared tables by name; those the client has not are absent. UserError where nothing is prepared yet."""
    _check_prepared(client)
    return {path.stem: pd.read_parquet(path) for path in sorted(client.prepared.glob("*.parquet"))}


def read_ids(client: Client) -> pd.DataFrame:
    """The customers' own ids, for `privacy.named`; UserError where they are gone."""
    if not _ids(client).exists():
        raise UserError(f"data/{client.key}/private/{_ids(client).name} is not there: run chapter 01 again, or `make "
                        f"report CLIENT={client.key}`, which makes it anew.")
    return pd.read_parquet(_ids(client))


def _ids(client: Client) -> Path:
    return client.private / "ids.parquet"


def _seal(client: Client) -> Path:
    return client.prepared / "orders.parquet"


def _check_prepared(client: Client) -> None:
    if not _seal(client).exists():
        raise UserError(f"Nothing is prepared for {client.key} yet: run chapter 01 first, or `make report "
                        f"CLIENT={client.key}`, which runs all chapters in order.")


# ---------------------------------------------------------------- results and other small files
def save_result(client: Client, name: str, frame: pd.DataFrame) -> Path:
    """Keep a chapter's result as results/`name`.csv, where other chapters and the publication find it."""
    path = client.results / f"{name}.csv"
    write_csv(frame, path)
    return path


def read_result(client: Client, name: str) -> pd.DataFrame:
    """A result of another chapter; empty cells are missing, the words "NA" and "None" are words."""
    path = client.results / f"{name}.csv"
    if not path.exists():
        raise UserError(f"The result '{name}' of {client.key} is not there yet: run the chapter that makes it first, "
                        f"or `make report CLIENT={client.key}`, which runs all chapters in order.")
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def save_private(client: Client, name: str, frame: pd.DataFrame) -> Path:
    """Keep a list of persons as private/`name`.csv: never published, and for the user alone to read where the system
    knows such a thing."""
    path = client.private / f"{name}.csv"
    write_csv(frame, path, private=True)
    return path


def keep_private(client: Client, name: str, content: bytes) -> Path:
    """Keep a file about persons as private/`name` (with its ending; folders as in "scores/x.parquet"), whole or not at
    all: never published, and for the user alone to read where the system knows such a thing."""
    path = client.private / name
    if path.parent != client.private:  # whose rights are set with those of the folder that the file lies in
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            client.private.chmod(0o700)
    _replace(path, lambda file: file.write(content), mode="wb", private=True)
    return path


def write_csv(frame: pd.DataFrame, path: Path, *, private: bool = False) -> None:
    """Write `frame` without its index as UTF-8 CSV, whole or not at all; a `private` one for the user alone to read.

    Texts (headings too) that a spreadsheet would take for a formula get a leading apostrophe; numbers stay numbers.
    """
    texts = frame.select_dtypes(exclude=["number", "bool", "datetime", "timedelta"])
    safe = frame.assign(**{name: texts[name].astype(object).map(_harmless) for name in texts})
    safe = safe.rename(columns=_harmless)
    _replace(path, lambda file: safe.to_csv(file, index=False, lineterminator="\n"), private=private)


def write_json(obj: Any, path: Path) -> None:
    """Write `obj` as UTF-8 JSON, whole or not at all; missing and infinite numbers become null, dates ISO texts."""
    text = json.dumps(_plain(obj), ensure_ascii=False, indent=2, allow_nan=False)
    _replace(path, lambda file: file.write(text + "\n"))


def _harmless(cell: Any) -> Any:
    """`cell`, if a text, without being a formula and without bare carriage returns, which would end the row."""
    if not isinstance(cell, str):
        return cell
    apostrophe = "'" if cell.startswith(FORMULA_STARTS) else ""
    return apostrophe + cell.replace("\r\n", "\n").replace("\r", "\n")


def _plain(obj: Any) -> Any:
    if isinstance(obj, Mapping):
        return {str(key): _plain(value) for key, value in obj.items()}
    if isinstance(obj, (list, tuple, set, np.ndarray, pd.Series)):
        return [_plain(value) for value in obj]
    if isinstance(obj, np.generic):
        return _plain(obj.item())
    if obj is pd.NA or obj is pd.NaT or (isinstance(obj, float) and not math.isfinite(obj)):
        return None
    if isinstance(obj, date):
        return obj.isoformat()
    return str(obj) if isinstance(obj, Path) else obj


def _replace(path: Path, write_to: Callable[[IO], Any], *, mode: str = "w", private: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if private:
        with suppress(OSError):  # a folder of somebody else's
            path.parent.chmod(0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    texts = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with open(beside, mode, opener=_for_the_user_alone if private else None, **texts) as file:
            write_to(file)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _for_the_user_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
