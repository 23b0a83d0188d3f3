"""A clone with one client and five small chapters, so that the run and the page are tested apart from the real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat

NAME = "Ann & Bob's <Shop>"
SETTINGS = f"""
name: "{NAME}"
prepared_by: Someone
currency: CNY
time_zone: Asia/Shanghai
program: {{name: Club, launched_on: 2025-03-03}}
sources: {{orders: {{files: "orders*.csv"}}}}
"""
LOAD = "from loyalty_helpers.core.settings import load_client\nshop = load_client(client)"
# what each chapter hands on, as the real ones do
WORK = {
    "01_data_prep": """
import pandas as pd
from loyalty_helpers.core import store
orders = pd.read_csv(shop.folder / "orders.csv", parse_dates=["ordered_at"])
store.write(shop, {"orders": orders})
_ = store.save_result(shop, "data_quality", pd.DataFrame({"rows": [len(orders)]}))
print(len(orders), "rows")""",
    "02_scoring": """
import pandas as pd
from loyalty_helpers.core import store
orders = store.read(shop, "orders")
_ = store.save_result(shop, "segments", pd.DataFrame({"segment": ["<b>bold</b>"], "top": [top]}))
store.write_csv(orders, shop.private / "action_list.csv")""",
    "04_program_evaluation": """
import pandas as pd
from loyalty_helpers.core import store
_ = store.save_result(shop, "kpis", pd.DataFrame({"spend": [store.read(shop, "orders")["amount"].sum()]}))""",
    "02b_customers_in_depth": """
from loyalty_helpers.core import store
print(len(store.read(shop, "orders")), "rows in depth")""",
    "03_case_study_comparison": """
from loyalty_helpers.core import store
_ = store.save_result(shop, "cases", store.read_result(shop, "kpis"))""",
    "00_summary": """
from loyalty_helpers.core import store
store.write_json({"client": shop.name, "spend": store.read_result(shop, "cases")["spend"].sum()},
                  shop.results / "results.json")""",
}
PARAMETERS = {"02_scoring": "top: int = 3  # how many to show"}


def chapter(name: str, *cells: str) -> nbformat.NotebookNode:
    """A chapter as the real ones are built; `cells` are code, those that begin with # and a blank are markdown."""
    parameters = 'client: str = "sample"  # folder under data/\n' + PARAMETERS.get(name, "")
    sources = [f"# What of {name}?", parameters, LOAD, "## What we saw", WORK[name], *cells]
    notebook = nbformat.v4.new_notebook(metadata={
        "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}})
    for number, source in enumerate(sources):
        make = nbformat.v4.new_markdown_cell if source.startswith(("# ", "## ", "### ")) else nbformat.v4.new_code_cell
        notebook.cells.append(make(source.strip(), id=f"cell-{number}"))
    notebook.cells[1].metadata["tags"] = ["parameters"]
    return notebook


def write_chapter(root: Path, name: str, *cells: str) -> None:
    nbformat.write(chapter(name, *cells), root / "notebooks" / f"{name}.ipynb")


def make(root: Path, client: str = "acme") -> Path:
    """Make the clone in `root`; its client's folder."""
    folder = root / "data" / client
    folder.mkdir(parents=True)
    (root / "notebooks").mkdir()
    (folder / "client.yml").write_text(SETTINGS, encoding="utf-8")
    (folder / "orders.csv").write_text("order_id,ordered_at,amount\n1,2025-01-05,10\n2,2025-06-30,20\n")
    for name in WORK:
        write_chapter(root, name)
    return folder


def environment(root: Path, **more: str) -> dict[str, str]:
    return os.environ | {"LOYALTY_ROOT": str(root)} | more


def report(root: Path, client: str = "acme", **more: str) -> subprocess.CompletedProcess:
    """`make report CLIENT=acme`, but for make."""
    return subprocess.run([sys.executable, "-m", "loyalty_helpers", "report", client], env=environment(root, **more),
                          capture_output=True, text=True, timeout=300)
