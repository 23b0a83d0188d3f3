"""`make bench`: speed and memory, as ratios within one run. `python tests/bench.py NAME` measures one of them.

report       the report of the sample: everything, nothing changed, one chapter edited; warm and ordinary kernels
retail       541,909 order lines: ingest and tables, against plain reading of the same file
lines        a CSV file of 10 million order lines (1 GB) -> canonical tables, against a plain pandas script
ten-million  10 million orders -> customers and weeks, against hand-written DuckDB SQL
fifty-million  50 million, where DuckDB may use 3 GB
lifetime     fits of BG/NBD to CDNOW, against the archived package `lifetimes`; the whole outlook on a million customers
customers    chapter 02, once prepared, on 541,909 order lines and on a million customers
till         the comparison at the till at 1,000, 5,000 and 200,000 customers x 143 weeks, against counting weeks

Each figure is the median of runs that alternate with those it is compared with. Each run is a process of its own,
so that its peak memory is its own too. Everything happens in a temporary folder.
"""

# Only what imports no pandas here: a child process's peak memory is never below its parent's.
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median

from loyalty_helpers.run.state import CHAPTERS

CLONE = Path(__file__).resolve().parents[1]
ROUNDS = 3
DUCKDB_MEMORY = "3GB"  # for the helpers and for the SQL; what does not fit waits on the disk
LINES = 541_909
MANY_LINES = 10_000_000
TILL_SIZES = {1_000: 20, 5_000: 5, 200_000: 1}  # customers -> how often in a row
FITS = 20  # of CDNOW in a row
AS_OF, ORIGIN = date(2025, 1, 1), date(2024, 1, 1)
Row = tuple[str, str, str]  # what, measured, ratio


# ---------------------------------------------------------------- the report of the sample
def bench_report(folder: Path) -> list[Row]:
    sample = shutil.ignore_patterns("prepared", "private")
    shutil.copytree(CLONE / "data" / "sample", folder / "data" / "sample", ignore=sample)
    shutil.copy(CLONE / "data" / "case_studies.csv", folder / "data")
    for part in ("notebooks", "loyalty_helpers"):
        shutil.copytree(CLONE / part, folder / part)
    shutil.copy(CLONE / "requirements.lock", folder)
    seconds: dict[tuple[str, str], list[float]] = {}
    for turn in range(ROUNDS):
        for kernels in ("warm", "ordinary"):
            for made in ("data/sample/prepared", "data/sample/private", "reports"):
                shutil.rmtree(folder / made, ignore_errors=True)
            for what in ("everything", "nothing changed", "chapter 02 edited"):
                if what == "chapter 02 edited":
                    edit(folder / "notebooks" / "02_scoring.ipynb", f"round {turn}, {kernels} kernels")
                say(f"round {turn + 1} of {ROUNDS}: {what}, {kernels} kernels")
                seconds.setdefault((what, kernels), []).append(report(folder, kernels, what))
    full = median(seconds["everything", "warm"])
    return [(f"{what}, {kernels} kernels", f"{median(runs):.1f} s", f"{median(runs) / full:.2f} x the full warm run")
            for (what, kernels), runs in seconds.items()]


def report(root: Path, kernels: str, what: str) -> float:
    started = time.perf_counter()
    here = {"LOYALTY_ROOT": str(root), "PYTHONPATH": str(root), "LOYALTY_KERNELS": kernels}
    run = subprocess.run([sys.executable, "-m", "loyalty_helpers", "report", "sample"], cwd=root, env=os.environ | here,
                         capture_output=True, text=True)
    took = time.perf_counter() - started
    if run.returncode:
        sys.exit(f"The report of the sample failed:\n{run.stdout}{run.stderr}")
    expected = {"everything": f"{len(CHAPTERS)} of {len(CHAPTERS)} chapters ran", "nothing changed": "Nothing changed",
                "chapter 02 edited": f" of {len(CHAPTERS)} chapters ran"}[what]
    if expected not in run.stdout:
        sys.exit(f"{what}: expected '{expected}', but the run said:\n{run.stdout}")
    return took


def edit(notebook: Path, words: str) -> None:
    cells = json.loads(notebook.read_text(encoding="utf-8"))
    last = next(cell for cell in reversed(cells["cells"]) if cell["cell_type"] == "markdown")
    last["source"] = ["".join(last["source"]) + f"\n\n{words}"]
    notebook.write_text(json.dumps(cells), encoding="utf-8")


# ---------------------------------------------------------------- a real shop's order lines
def bench_retail(folder: Path) -> list[Row]:
    real = retail_files(folder)
    ours, plain = alternate("ingest_lines", "read_lines", folder)
    what = f"ingest + tables of {LINES:,} order lines" + ("" if real else " (generated)")
    return versus(what, ours, "pandas only reads the file", plain)


def retail_files(folder: Path) -> bool:
    """Put the shop's settings and file into `folder`; whether the file is the real one."""
    shop = folder / "data" / "online_retail"
    shop.mkdir(parents=True)
    shutil.copy(CLONE / "data" / "online_retail" / "client.yml", shop)
    real = sorted((CLONE / "data" / "online_retail").glob("[Oo]nline*[Rr]etail.*"))
    if real:
        (shop / real[0].name).symlink_to(real[0])
    else:
        say(f"the real file is not in data/online_retail (its README says where to get it): making {LINES:,} lines")
        child("make_lines", shop)
    return bool(real)


def make_lines(shop: Path) -> None:
    import duckdb

    duckdb.execute(f"""
        select setseed(0.5);
        copy (
          select 536365 + i // 20 as InvoiceNo, floor(4000 * random())::int as StockCode,
                 'THING OF SOME KIND' as Description, 1 + floor(12 * random())::int as Quantity,
                 strftime(timestamp '2010-12-01 08:00' + to_minutes(i), '%Y-%m-%d %H:%M:%S') as InvoiceDate,
                 round(0.5 + 10 * random(), 2) as UnitPrice,
                 case when hash(i // 20) % 4 > 0 then (12346 + hash(i // 20) % 4300)::double end as CustomerID,
                 'United Kingdom' as Country
          from range({LINES}) lines(i)
        ) to '{shop}/online_retail.csv.gz' (header, compression gzip)""")


def ingest_lines(root: Path) -> Callable[[], None]:
    from loyalty_helpers.core import store
    from loyalty_helpers.core.settings import load_client
    from loyalty_helpers.customers import tables
    from loyalty_helpers.ingest import prepare as ingest

    shop = load_client("online_retail", root)

    def work() -> None:
        prepared = ingest.prepare(shop)
        orders = prepared.tables["orders"]
        people = tables.customers(orders, as_of=orders["ordered_at"].max())
        weeks = tables.customer_weeks(orders, origin=orders["ordered_at"].min().date())
        store.write(shop, prepared.tables | {"customers": people, "customer_weeks": weeks})

    return work


def read_lines(root: Path) -> Callable[[], None]:
    import pandas as pd

    file = next((root / "data" / "online_retail").glob("[Oo]nline*[Rr]etail.*"))
    read = pd.read_excel if file.suffix == ".xlsx" else pd.read_csv
    return lambda: read(file, dtype="str")


# ---------------------------------------------------------------- ten million order lines
def bench_lines(folder: Path) -> list[Row]:
    say(f"making {MANY_LINES:,} order lines")
    shop = folder / "data" / "large"
    shop.mkdir(parents=True)
    (shop / "client.yml").write_text(
        "{name: Large, currency: EUR, time_zone: Europe/Berlin, ids: plain, "
        "sources: {orders: {files: lines.csv, grain: line, "
        "set_aside: {cancelled: {column: status, equals: cancelled}}}}}\n", encoding="utf-8")
    child("make_many_lines", shop)
    ours, plain = alternate("prepare_lines", "group_lines", folder)
    return versus(f"{MANY_LINES:,} order lines -> tables", ours, "pandas reads the file and groups by order", plain)


def make_many_lines(shop: Path) -> None:
    import duckdb

    duckdb.execute(f"""
        select setseed(0.5);
        copy (
          select 100001 + i // 4 as order_id,
                 case when hash(i // 4) % 50 > 0 then 'C' || lpad((hash(i // 4 + 7) % 500000)::varchar, 7, '0')
                 end as customer_id,
                 strftime(timestamp '2023-01-01' + to_seconds((i // 4) * 63072000 // ({MANY_LINES} // 4)
                                                              + (hash(i // 4) % 3600)::bigint),
                          '%Y-%m-%d %H:%M:%S') as ordered_at,
                 'product ' || lpad(floor(5000 * random() ** 2)::int::varchar, 4, '0') as product,
                 'category ' || floor(12 * random())::int as category, 1 + floor(4 * random() ** 3)::int as quantity,
                 round(1 + 99 * random(), 2) as unit_price,
                 case when hash(i // 4) % 97 = 0 then 'cancelled' else 'paid' end as status,
                 100000000 + i as line_id, 'warehouse ' || i % 7 as warehouse, 'web' as visited
          from range({MANY_LINES}) lines(i)
        ) to '{shop}/lines.csv' (header)""")


def prepare_lines(root: Path) -> Callable[[], None]:
    from loyalty_helpers.core import store
    from loyalty_helpers.core.settings import load_client
    from loyalty_helpers.ingest import prepare as ingest

    shop = load_client("large", root)
    return lambda: store.write(shop, ingest.prepare(shop).tables)


def group_lines(root: Path) -> Callable[[], None]:
    import pandas as pd

    file = root / "data" / "large" / "lines.csv"

    def work() -> None:
        lines = pd.read_csv(file, parse_dates=["ordered_at"], dtype={"order_id": "str"})
        lines = lines[lines["status"] != "cancelled"].assign(amount=lines["quantity"] * lines["unit_price"])
        orders = lines.groupby(["order_id", "customer_id"], dropna=False).agg(
            ordered_at=("ordered_at", "min"), amount=("amount", "sum"), category=("category", "first"))
        lines.to_parquet(file.with_name("lines.parquet"))
        orders.reset_index().to_parquet(file.with_name("orders.parquet"))

    return work


# ---------------------------------------------------------------- millions of orders
def bench_ten_million(folder: Path) -> list[Row]:
    return bench_orders(folder, 10_000_000)


def bench_fifty_million(folder: Path) -> list[Row]:
    return bench_orders(folder, 50_000_000)


def bench_orders(folder: Path, orders: int) -> list[Row]:
    say(f"making {orders:,} orders")
    (folder / "orders").write_text(str(orders))
    child("make_orders", folder)
    ours, sql = alternate("with_helpers", "with_sql", folder)
    child("check_same", folder)
    return versus(f"{orders // 1_000_000} million orders -> customers, weeks", ours, "hand-written DuckDB SQL", sql)


def make_orders(folder: Path) -> None:
    connection(folder).execute(f"""
        select setseed(0.5);
        copy (
          select 'O' || lpad(i::varchar, 9, '0') as order_id,
                 case when random() < 0.9
                      then 'C' || lpad(floor(1e6 * random() ** 2)::int::varchar, 7, '0') end as customer_id,
                 timestamp '2023-01-01' + to_seconds(floor(random() * 731 * 86400)::int) as ordered_at,
                 case when refund then -1 else 1 end * round(10 + 90 * random(), 2) as amount, refund as is_refund,
                 case when random() < 0.7 then 'shop' else 'online' end as channel,
                 'category ' || floor(8 * random())::int as category,
                 case when random() < 0.2 then floor(1 + 5 * random()) end::double as rating
          from (select i, random() < 0.02 as refund from range({(folder / "orders").read_text()}) orders(i))
        ) to '{folder}/orders.parquet'""")


def connection(folder: Path):
    import duckdb

    return duckdb.connect(config={"memory_limit": DUCKDB_MEMORY, "temp_directory": f"{folder}/spill"})


def with_helpers(folder: Path) -> Callable[[], None]:
    from loyalty_helpers.customers import tables

    base = connection(folder)

    def work() -> None:
        orders = base.read_parquet(f"{folder}/orders.parquet")
        tables.customers(orders, as_of=AS_OF).write_parquet(f"{folder}/customers_helpers.parquet")
        tables.customer_weeks(orders, origin=ORIGIN).write_parquet(f"{folder}/weeks_helpers.parquet")

    return work


def with_sql(folder: Path) -> Callable[[], None]:
    base = connection(folder)
    customers = f"""
        select customer_id, first_order_at, last_order_at, orders, spend, spend / nullif(orders, 0) as mean_order,
               nullif(categories, 0) as categories, rating,
               floor(epoch(timestamp '{AS_OF}' - last_order_at) / 86400) as recency_days,
               floor(epoch(timestamp '{AS_OF}' - first_order_at) / 86400) as tenure_days, null::timestamp as joined_at
        from (select customer_id, min(ordered_at) filter (not is_refund) as first_order_at,
                     max(ordered_at) filter (not is_refund) as last_order_at,
                     count(distinct order_id) filter (not is_refund) as orders, sum(amount) as spend,
                     count(distinct category) filter (not is_refund) as categories, avg(rating) as rating
              from '{folder}/orders.parquet' where customer_id is not null group by all)
        order by customer_id"""
    weeks = f"""
        select customer_id, floor(epoch(ordered_at - timestamp '{ORIGIN}') / (7 * 86400))::bigint as week,
               count(distinct order_id) filter (not is_refund) as orders, sum(amount) as spend
        from '{folder}/orders.parquet' where customer_id is not null group by all order by customer_id, week"""

    def work() -> None:
        base.execute(f"copy ({customers}) to '{folder}/customers_sql.parquet'")
        base.execute(f"copy ({weeks}) to '{folder}/weeks_sql.parquet'")

    return work


def check_same(folder: Path) -> None:
    """Stop if the two ways disagree (money to a millionth: the order of adding differs)."""
    base = connection(folder)
    for table, key in (("customers", "(customer_id)"), ("weeks", "(customer_id, week)")):
        ours, sql = f"'{folder}/{table}_helpers.parquet'", f"'{folder}/{table}_sql.parquet'"
        names = [row[0] for row in base.execute(f"describe select * from {ours}").fetchall()]
        differ = " or ".join(
            f"abs(a.{name} - b.{name}) > 1e-6 or (a.{name} is null) != (b.{name} is null)"
            if name in ("spend", "mean_order") else f"a.{name} is distinct from b.{name}" for name in names)
        joined = f"from {ours} a full join {sql} b using {key}"
        (rows,) = base.execute(f"select count(*) {joined} where {differ}").fetchone()
        if rows:
            sys.exit(f"{table}: {rows:,} rows differ between the helpers and the SQL")


# ---------------------------------------------------------------- the comparison at the till
def bench_till(folder: Path) -> list[Row]:
    rows = []
    for customers, times in TILL_SIZES.items():
        place = folder / str(customers)
        place.mkdir()
        taken = {}
        for turn in range(ROUNDS):
            for task in ("count_weeks", "calibrate", "compare_at_the_till"):
                say(f"round {turn + 1} of {ROUNDS}: {task.replace('_', ' ')}, {customers:,} customers")
                taken.setdefault(task, []).append(child(task, place))
        (base, *others) = [(task, median(run["seconds"] for run in runs) / times, median(run["peak"] for run in runs))
                           for task, runs in taken.items()]
        rows += [(f"{task.replace('_', ' ')}, {customers:,} customers", f"{seconds:.3f} s, peak {peak:,.0f} MB",
                  f"{seconds / base[1]:.2f} x counting weeks") for task, seconds, peak in [base, *others]]
    return rows


def till_shop(folder: Path):
    """A simulated shop of as many customers as the folder's name says; above 5,000 the same shop many times over."""
    import pandas as pd

    from loyalty_helpers.lab import simulate

    customers = int(folder.name)
    shop = simulate.shop(customers=min(customers, 5_000), lift=0.1, seed=8)
    orders, members = ([frame.assign(customer_id=frame["customer_id"] + f"-{copy}") for copy in
                        range(max(customers // 5_000, 1))] for frame in (shop.orders, shop.members))
    return pd.concat(orders, ignore_index=True).drop(columns="order_id"), pd.concat(members), shop.launched_on


def count_weeks(folder: Path) -> Callable[[], None]:
    from loyalty_helpers.evaluation.panel import panel

    orders, members, launch = till_shop(folder)
    return lambda: [panel(orders, members, launched_on=launch) for _ in range(TILL_SIZES[int(folder.name)])]


def calibrate(folder: Path) -> Callable[[], None]:
    from loyalty_helpers.evaluation.calibrated import calibrated
    from loyalty_helpers.evaluation.panel import panel

    orders, members, launch = till_shop(folder)
    return lambda: [calibrated(panel(orders, members, launched_on=launch)) for _ in range(TILL_SIZES[int(folder.name)])]


def compare_at_the_till(folder: Path) -> Callable[[], None]:
    from loyalty_helpers.evaluation import at_the_till

    orders, members, launch = till_shop(folder)
    return lambda: [at_the_till(orders, members, launched_on=launch) for _ in range(TILL_SIZES[int(folder.name)])]


# ---------------------------------------------------------------- lifetime value
def bench_lifetime(folder: Path) -> list[Row]:
    ours, theirs = alternate("fit_helpers", "fit_lifetimes", folder)
    (seconds, reached), (base, limit) = ([median(run[key] for run in runs) for key in ("seconds", "result")]
                                         for runs in (ours, theirs))
    if reached < limit - 0.01:
        sys.exit(f"log-likelihood {reached:,.2f}, that of lifetimes is {limit:,.2f}")
    run = child("look_ahead", folder)
    return [("fit, CDNOW", f"{1000 * seconds / FITS:,.1f} ms", f"{base / seconds:.1f} x as fast as:"),
            ("  lifetimes", f"{1000 * base / FITS:,.1f} ms", "1"),
            ("outlook, 1,000,000 customers", f"{run['seconds']:.1f} s, peak {run['peak']:,.0f} MB", "")]


def cdnow():
    """Frequency, recency and age of CDNOW's customers."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes.datasets import load_cdnow_summary

        return load_cdnow_summary()[["frequency", "recency", "T"]].to_numpy(dtype="float64").T


def fit_helpers(folder: Path) -> Callable[[], float]:
    from loyalty_helpers.forecast import fit_bg_nbd

    history = cdnow()
    return lambda: [fit_bg_nbd(*history).log_likelihood for _ in range(FITS)][-1]


def fit_lifetimes(folder: Path) -> Callable[[], float]:
    import warnings

    import numpy as np

    warnings.simplefilter("ignore")
    from lifetimes import BetaGeoFitter

    history = cdnow()

    def work() -> float:
        fitted = [BetaGeoFitter().fit(*history) for _ in range(FITS)][-1]
        at = np.log(fitted.params_.to_numpy())  # what it keeps is a mean in another unit of time
        return -len(history[0]) * float(fitted._negative_log_likelihood(at, *history, np.ones(len(history[0])), 0.0))

    return work


def look_ahead(folder: Path) -> Callable[[], None]:
    """Everything that `outlook` makes of a million customers."""
    from loyalty_helpers.forecast import outlook

    orders = million()
    return lambda: outlook(orders, as_of=date(2024, 12, 30)) and None


def million():
    """Orders of a million people of whom each buys at a pace of their own and may leave after any, over two years."""
    import numpy as np
    import pandas as pd

    rng, people, days = np.random.default_rng(1), 1_000_000, 728
    first, rate, leave = rng.random(people) * days, rng.gamma(0.8, 1 / 56, people), rng.beta(0.8, 2.5, people)
    who, when, still, at = [np.arange(people)], [first], np.arange(people), first.copy()
    while len(still):
        still = still[rng.random(len(still)) >= leave[still]]
        at[still] += rng.exponential(1 / np.maximum(rate[still], 1e-6))
        still = still[at[still] < days]
        who, when = [*who, still], [*when, at[still]]
    who, when, basket = np.concatenate(who), np.concatenate(when), rng.lognormal(4, 0.5, people)
    return pd.DataFrame({
        "order_id": pd.Series(np.arange(len(who)), dtype="str"), "customer_id": pd.Series(who, dtype="str"),
        "ordered_at": np.datetime64("2023-01-02", "us") + (when * 86_400e6).astype("timedelta64[us]"),
        "amount": np.round(basket[who] * rng.lognormal(0, 0.4, len(who)), 2),
        "is_refund": False, "channel": "web", "rating": np.nan,
        "category": np.array(list("ABCDEF"))[rng.integers(0, 6, len(who))],
    }).sort_values("ordered_at", kind="stable", ignore_index=True)


# ---------------------------------------------------------------- chapter 02
def bench_customers(folder: Path) -> list[Row]:
    rows = []
    for shop, make in (("retail", "prepare_retail"), ("million", "prepare_million")):
        place = folder / shop
        place.mkdir()
        say(f"{shop}: preparing")
        what = child(make, place)["result"]
        runs = []
        for turn in range(ROUNDS if shop == "retail" else 1):
            say(f"round {turn + 1}: chapter 02, {shop}")
            runs.append(child("score", place))
        seconds, peak = (median(run[key] for run in runs) for key in ("seconds", "peak"))
        rows.append((f"chapter 02, {what}", f"{seconds:.1f} s, peak {peak:,.0f} MB", ""))
    return rows


def prepare_retail(root: Path) -> Callable[[], str]:
    retail_files(root)
    ingest_lines(root)()
    return lambda: f"{LINES:,} order lines"


def prepare_million(root: Path) -> Callable[[], str]:
    orders, shop = million(), root / "data" / "online_retail"  # the key that `score` looks for
    shop.mkdir(parents=True)
    (shop / "client.yml").write_text("name: Large\ncurrency: EUR\ntime_zone: Europe/Berlin\nids: plain\n"
                                     "sources:\n  orders:\n    files: orders.csv\n")
    os.environ["LOYALTY_ROOT"] = str(root)
    from loyalty_helpers.core import store
    from loyalty_helpers.core.settings import load_client
    from loyalty_helpers.customers import tables

    made = {"customers": tables.customers(orders, as_of=date(2024, 12, 30)),
            "customer_weeks": tables.customer_weeks(orders, origin=date(2023, 1, 2))}
    store.write(load_client(shop.name), {"orders": orders} | made)
    return lambda: f"1,000,000 customers, {len(orders):,} orders"


def score(root: Path) -> Callable[[], None]:
    """The code of chapter 02, imports included, in this process; what it shows is thrown away."""
    os.environ["LOYALTY_ROOT"] = str(root)
    cells = json.loads((CLONE / "notebooks" / "02_scoring.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")

    def work() -> None:
        with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
            exec(code.replace('client: str = "sample"', 'client: str = "online_retail"'), {})

    return work


# ---------------------------------------------------------------- measuring
def alternate(one: str, other: str, folder: Path) -> tuple[list[dict], list[dict]]:
    """Both tasks ROUNDS times in turn: seconds and peak megabytes of each run."""
    runs: dict[str, list[dict]] = {one: [], other: []}
    for turn in range(ROUNDS):
        for task in runs:
            say(f"round {turn + 1} of {ROUNDS}: {task.replace('_', ' ')}")
            runs[task].append(child(task, folder))
    return runs[one], runs[other]


def versus(what: str, ours: list[dict], reference: str, theirs: list[dict]) -> list[Row]:
    (seconds, peak), (base, base_peak) = ([median(run[key] for run in runs) for key in ("seconds", "peak")]
                                          for runs in (ours, theirs))
    ratio = f"{seconds / base:.2f} x the time, {peak / base_peak:.2f} x the memory of:"
    return [(what, f"{seconds:.1f} s, peak {peak:,.0f} MB", ratio),
            (f"  {reference}", f"{base:.1f} s, peak {base_peak:,.0f} MB", "1")]


def child(task: str, folder: Path) -> dict:
    """Run a function of this file in a process of its own; what `measure` printed there."""
    run = subprocess.run([sys.executable, __file__, "--child", task, str(folder)], capture_output=True, text=True,
                         env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    if run.returncode:
        sys.exit(f"{task} failed:\n{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


def measure(task: str, folder: Path) -> None:
    """Time what the task returns to be done (imports are over by then), if it returns anything."""
    work = globals()[task](folder)
    started = time.perf_counter()
    result = work() if work is not None else None
    seconds = time.perf_counter() - started
    unit = 1024**2 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    told = {"result": result} if isinstance(result, (float, str)) else {}
    print(json.dumps({"seconds": seconds, "peak": peak} | told))


def say(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)


BENCHES = {"report": bench_report, "retail": bench_retail, "lines": bench_lines,
           "ten-million": bench_ten_million, "fifty-million": bench_fifty_million, "till": bench_till,
           "lifetime": bench_lifetime, "customers": bench_customers}


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        sys.exit(f"There is no {unknown[0]!r} to measure; there are {', '.join(BENCHES)}.")
    for name in names or BENCHES:
        say(name)
        with tempfile.TemporaryDirectory() as folder:
            show(BENCHES[name](Path(folder)))


def show(rows: list[Row]) -> None:
    """The table of one bench, at once: a bench that is stopped later keeps what was measured."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        measure(sys.argv[2], Path(sys.argv[3]))
    else:
        main(sys.argv[1:])
