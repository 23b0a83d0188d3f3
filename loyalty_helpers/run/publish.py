"""Publication: executed chapters become the client's set of pages, which is replaced as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from loyalty_helpers.core.settings import Client, UserError
from loyalty_helpers.run import provenance, state

if TYPE_CHECKING:
    from loyalty_helpers.report.html.pages import Front


def publish(shop: Client, front: Front) -> None:
    """Write the complete set beside the current one, then put it in its place in one step.

    Where either fails, nothing of the new set is left, and the current one is where it was. Raises UserError where the
    current one cannot be replaced.
    """
    new = shop.reports.with_name(f".{shop.key}.{os.getpid()}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        _write_set(shop, new, front)
        try:
            _swap(new, shop.reports)
        except OSError as error:
            raise UserError(f"{state.relative(shop, shop.reports)} could not be replaced ({error.strerror}). Close "
                            "what is open from that folder and run again.") from None
    finally:
        tidy(shop)
    shutil.rmtree(state.failed(shop), ignore_errors=True)


def _write_set(shop: Client, new: Path, front: Front) -> None:
    from loyalty_helpers.report.html import pages

    notebooks = {name: state.executed(shop, name).read_text(encoding="utf-8") for name in sorted(state.CHAPTERS)}
    labels = {name: chapter.label for name, chapter in state.CHAPTERS.items()}
    for folder in ("notebooks", "tables"):
        (new / folder).mkdir(parents=True)
    for name, html in pages.render(notebooks, labels, front).items():
        (new / name).write_text(html, encoding="utf-8")
    for name in state.CHAPTERS:
        shutil.copyfile(state.executed(shop, name), new / "notebooks" / f"{name}.ipynb")
    for table in sorted(shop.results.glob("*.csv")):
        shutil.copyfile(table, new / "tables" / table.name)
    with suppress(FileNotFoundError):
        shutil.copyfile(shop.results / "results.json", new / "results.json")


# ---------------------------------------------------------------- what stands above and below the pages
def front(shop: Client, fingerprint: str) -> Front:
    """Whose report this is, of which time, and what it was made with and from."""
    from loyalty_helpers.report.html.pages import TITLE, Front

    launched, versions = shop.program.launched_on, provenance.versions()
    made_by = ", ".join(f"{name} {versions[name]}" for name in provenance.PACKAGES[:2] if name in versions)
    inputs = ", ".join(f"{name} ({digest[:12]})" for name, digest in provenance.inputs(shop).items())
    return Front(
        client=shop.name, language=shop.language,
        lines=[line for line in (
            TITLE, launched and f"Program launched {_day(launched)}", _period(shop),
            shop.prepared_by and f"Prepared by {shop.prepared_by}") if line],
        footer=[
            f"Made on {_day(date.today())} with Python {provenance.python()}, {made_by}; commit "
            f"{provenance.commit(state.root(shop))[:12]}.",
            f"Inputs, with the beginning of their SHA-256: {inputs or 'none'}.",
            f"Fingerprint of data, settings, chapters and helpers: {fingerprint[:16]}."])


def _period(shop: Client) -> str:
    """The first and the last day of the prepared orders; "" where there are none."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        times = pc.min_max(pq.read_table(shop.prepared / "orders.parquet", columns=["ordered_at"])["ordered_at"])
    except FileNotFoundError:
        return ""
    first, last = times["min"].as_py(), times["max"].as_py()
    return f"Orders {_day(first)} – {_day(last)}" if first else ""


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


# ---------------------------------------------------------------- one set in the place of another
def _swap(new: Path, current: Path) -> None:
    """Make the folder `new` the folder `current`; at any moment one complete folder of that name exists.

    Where the system cannot exchange two folders in one step, there is an instant between two renames; a run killed
    just then leaves the old set as .<client>.old, and `tidy` puts it back.
    """
    if not current.exists():
        new.rename(current)
    elif not _exchange(new, current):
        old = current.with_name(f".{current.name}.old")
        current.rename(old)
        new.rename(current)
        shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(new, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or the file system has no such step."""
    import ctypes

    names = os.fsencode(one), os.fsencode(other)
    with suppress(AttributeError, OSError, TypeError):
        if sys.platform == "linux":
            return ctypes.CDLL(None).renameat2(-100, names[0], -100, names[1], 2) == 0
        if sys.platform == "darwin":
            return ctypes.CDLL(None).renamex_np(names[0], names[1], 2) == 0
    return False


def tidy(shop: Client) -> None:
    """Repair what a killed run may have left: put the last complete set back, remove incomplete ones."""
    shop.reports.parent.mkdir(exist_ok=True)
    old = shop.reports.with_name(f".{shop.key}.old")
    if old.exists() and not shop.reports.exists():
        old.rename(shop.reports)
    for leftover in [old, *shop.reports.parent.glob(f".{shop.key}.*.new")]:
        shutil.rmtree(leftover, ignore_errors=True)
