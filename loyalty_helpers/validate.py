"""The verb `validate`: run the study, keep its table, make its page.

What lies where:
    validation/results.csv, validation.html       the published study, committed
    validation/draws.csv                          a few of its draws, which a test makes again
    reports/validation_<client>/                  the same for the history of one client
    reports/validation_quick/                     the version of a minute or two
    data/.validation/                             every draw, so that a run that was stopped goes on where it stopped
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import pandas as pd

from . import client
from .client import load_client
from .core.errors import UserError

SAMPLE = "sample"  # the default client of every verb: validating it is the study itself
NOTEBOOK = Path("notebooks") / "validation" / "validation.ipynb"
DRAWS = Path("data") / ".validation"
PUBLISHED = Path("validation")
MARKS = ("<!-- study -->", "<!-- /study -->")  # in the README, around what the study found
REAL = {True: 20, False: 200}  # draws of each rule of joining in a real history, by `quick`


def validate(key: str = SAMPLE, *, quick: bool = False, root: Path = client.ROOT) -> int:
    """Run the study (for `key` "sample"), or the same on the client's own orders; the exit code.

    All cores are used, and what a stopped run has drawn is not drawn again.
    """
    from .evaluation import validation

    own = key != SAMPLE
    orders = {key: _own_orders(key, root)} if own else _public_orders(root)
    first = validation.QUICK_SEED if quick else validation.PUBLISHED_SEED
    found = [validation.real_history(table, name=name, folder=root / DRAWS, repetitions=REAL[quick],
                                     first_seed=first + (place + 1) * validation.SEEDS_OF_HISTORIES)
             for place, (name, table) in enumerate(orders.items())]
    study = [*([] if own else validation.cells(quick=quick)),
             *(cell for planted in found if not isinstance(planted, str) for cell in planted)]
    try:
        draws = validation.run(study, root / DRAWS, say=lambda words: print(f"  {words}", flush=True))
    except KeyboardInterrupt:
        print("What was drawn so far is kept: the same command goes on from here.", flush=True)
        raise
    refused = pd.DataFrame({"kind": "real history", "repetitions": 0,
                            "note": [why for why in found if isinstance(why, str)]})
    table = pd.concat([validation.results(draws).assign(note=None), refused], ignore_index=True).assign(
        made_on=f"{date.today():%Y-%m-%d}", code=validation.code_version())
    folder = Path("reports", f"validation_{key}" if own else "validation_quick") if own or quick else PUBLISHED
    (root / folder).mkdir(parents=True, exist_ok=True)
    if own:
        table = pd.concat([table, _published(root)], ignore_index=True)
    table.to_csv(root / folder / "results.csv", index=False, lineterminator="\n")
    _write_page(root, folder, load_client(key, root).name if own else "How sure are the estimates?")
    if folder == PUBLISHED:
        validation.first_draws(draws).to_csv(root / folder / "draws.csv", index=False, lineterminator="\n")
        tell_readme(root)
    print(f"The table and the page: {(folder / 'results.csv').as_posix()}, {(folder / 'validation.html').as_posix()}")
    return 0


def tell_readme(root: Path) -> None:
    """Set the published study's tables into the README, between its marks."""
    from . import validation_charts

    readme = root / "README.md"
    before, begin, rest = readme.read_text(encoding="utf-8").partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    told = validation_charts.readme(validation_charts.read(root / PUBLISHED))
    readme.write_text(f"{before}{begin}\n{told}\n{end}{after}", encoding="utf-8", newline="\n")


def _published(root: Path) -> pd.DataFrame:
    """The simulated shops of the published study, to stand beside a client's own history; empty where there is none."""
    from . import validation_charts

    try:
        published = validation_charts.read(root / PUBLISHED)
    except FileNotFoundError:
        return pd.DataFrame()
    return published[published["kind"] == "simulated"]


def _own_orders(key: str, root: Path) -> pd.DataFrame:
    """The client's prepared orders: those before its own program where they reach far enough, else all."""
    from . import tables
    from .evaluation import validation

    shop = load_client(key, root)
    orders, launched = tables.read(shop, "orders"), shop.program.launched_on
    early = orders if launched is None else orders[orders["ordered_at"] < pd.Timestamp(launched)]
    return early if validation.long_enough(early) else orders


def _public_orders(root: Path) -> dict[str, pd.DataFrame]:
    """The public order histories that are at hand, by name."""
    from . import ingest
    from .evaluation import validation

    music, found = validation.cdnow(root / "data" / "cdnow"), {}
    if music is not None:
        found["CDNOW"] = music
    try:
        found["Online Retail"] = ingest.prepare(load_client("online_retail", root)).tables["orders"]
    except UserError:
        print("  Online Retail is not at hand: data/online_retail/README.md says where to get it.", flush=True)
    return found


def _write_page(root: Path, folder: Path, name: str) -> None:
    """Execute the notebook on `folder`'s table, and set it into the page of the reports.

    The notebook of the published study is kept executed, as the chapters are.
    """
    from . import kernels, page, report

    published = folder == PUBLISHED
    with tempfile.TemporaryDirectory(prefix="loyalty-") as beside, kernels.kernels():
        executed = Path(beside) / NOTEBOOK.name
        report.execute(root / NOTEBOOK, executed, None if published else {"folder": folder.as_posix()})
        text = executed.read_text(encoding="utf-8")
    if published:
        (root / NOTEBOOK).write_text(text, encoding="utf-8")
    front = page.Front(client=name, language="en", lines=["Validation of the estimators"],
                       footer=[f"Made on {date.today():%Y-%m-%d} by `make validate`; the table beside this page is "
                               "results.csv."])
    pages = page.render({"validation": text}, {"validation": "Validation"}, front)
    (root / folder / "validation.html").write_text(pages["validation.html"], encoding="utf-8")
