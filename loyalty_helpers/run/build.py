"""The verbs `report` and `notebooks`: the chapters that are due are run, and their pages become the client's report.

Only the standard library, yaml and the settings are imported at the top: a run that finds nothing to do ends at once.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loyalty_helpers.core.settings import Client, UserError, load_client, printable
from loyalty_helpers.run import faults, parameters, publish, state
from loyalty_helpers.run.provenance import fingerprints, pages, provenance
from loyalty_helpers.run.state import CHAPTERS, SAMPLE, State

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["build", "execute", "provenance", "refresh_notebooks"]

WORKERS = 2
PATIENCE = 20  # seconds without a word while chapters run
KERNEL_STARTS_WITHIN = 300  # seconds: on a busy machine importing alone may take more than a minute


def build(client_key: str) -> int:
    """Bring the client's report up to date; the exit code: 0, or 1 where a chapter failed or files changed meanwhile.

    Raises UserError for settings that cannot be used and while another run of the same client is under way. Whatever
    happens, reports/<client>/ is the last complete set.
    """
    started = time.perf_counter()
    shop = load_client(client_key)
    prints = fingerprints(shop)
    wanted, home = pages(prints), state.relative(shop, shop.reports / "index.html")
    with faults.only_run(shop):
        publish.tidy(shop)
        ran = State(shop)
        due = ran.due(prints)
        if not due and ran.published == wanted and (shop.reports / "index.html").exists():
            print(f"Nothing changed: all {len(CHAPTERS)} chapters are up to date. The report: {home}")
            return 0
        finished = _run(shop, due, prints, ran)
        # ahead of the check, so that the inputs it names are those of the chapters
        front = publish.front(shop, prints["00_summary"])
        if not _unchanged(load_client(client_key), prints, ran) or not finished:
            return 1
        publish.publish(shop, front)
        ran.publish(wanted)
    current = ", ".join(name for name in sorted(CHAPTERS) if name not in due) or "none"
    print(f"{len(due)} of {len(CHAPTERS)} chapters ran (up to date already: {current}), "
          f"{time.perf_counter() - started:.1f} s in all. The report: {home}")
    return 0


def refresh_notebooks() -> int:
    """Execute the chapters on the sample with their own defaults and keep them, executed and clean, in notebooks/.

    The same chapters and data give the same bytes. The exit code: 0, or 1 where a chapter failed or files changed
    meanwhile.
    """
    shop = replace(load_client(SAMPLE), chapters={})
    with faults.only_run(shop):
        publish.tidy(shop)
        prints, ran = fingerprints(shop), State(shop)
        finished = _run(shop, list(CHAPTERS), prints, ran)
        if not _unchanged(replace(load_client(SAMPLE), chapters={}), prints, ran) or not finished:
            return 1
        for name in CHAPTERS:
            text = state.executed(shop, name).read_text(encoding="utf-8")
            if (here := str(state.root(shop))) in text:
                raise UserError(f"{name}: an output mentions {here}. Chapters show paths relative to the clone.")
            state.notebook(shop, name).write_text(text, encoding="utf-8")
    print(f"{len(CHAPTERS)} chapters executed on the sample and kept in notebooks/.")
    return 0


def _unchanged(shop: Client, prints: Mapping[str, str], ran: State) -> bool:
    """Whether data, settings and chapters, read anew, are those that the run began with.

    Where not, says so and forgets the chapters concerned: nobody knows which of the two their results are made of.
    """
    now = fingerprints(shop)
    changed = [name for name in CHAPTERS if now[name] != prints[name]]
    if not changed:
        return True
    ran.forget(*changed)
    print("Data, settings or chapters changed while the report was being made, so it was not published. Run it again. "
          f"The last complete report: {state.last_report(shop)}.", file=sys.stderr)
    return False


# ---------------------------------------------------------------- the run
def _run(shop: Client, due: list[str], prints: Mapping[str, str], ran: State) -> bool:
    """Run the chapters that are due and note in `ran` what they made; False, with a word, where one failed."""
    if not due:
        return True
    from loyalty_helpers.run import kernels

    with kernels.kernels():
        # compiles a grammar of web addresses for a second when papermill is imported; notebooks need none
        sys.modules.setdefault("rfc3987_syntax", None)
        # the warm process imports on one core, this one on the other
        import papermill  # noqa: F401

        logging.getLogger("papermill").setLevel(logging.CRITICAL)  # a failure is said in our own words
        try:
            failed = _run_in_order(shop, due, prints, ran)
        except KeyboardInterrupt:
            # the threads of the workers would wait for their chapters; the lock ends with this process, kernels before
            kernels.end()
            print("Stopped. The last complete report is as it was.", file=sys.stderr, flush=True)
            os._exit(130)
    if failed:
        _keep_failure(shop, failed)
    return not failed


def _run_in_order(shop: Client, due: list[str], prints: Mapping[str, str], ran: State) -> dict[str, Future]:
    """Two chapters at a time, each when those it needs are ready; the failed ones.

    After a failure no further chapter starts, and what the other worker is doing is brought to its end.
    """
    waiting, running, ready, failed = list(due), {}, [], {}
    pool = ThreadPoolExecutor(WORKERS)
    while waiting or running:
        busy = {*waiting, *(name for name, _ in running.values())}
        for name in [name for name in waiting if not busy & set(CHAPTERS[name].after)]:
            waiting.remove(name)
            ran.forget(name, results=True)
            print(f"  {name} ...", flush=True)
            task = pool.submit(execute, state.notebook(shop, name), state.executed(shop, name),
                               parameters.injected(shop, name))
            running[task] = name, time.perf_counter()
        # what publication needs is imported and rendered while chapters run
        from loyalty_helpers.report.html import pages as html
        while ready:
            name = ready.pop()
            html.chapter(name, CHAPTERS[name].label, state.executed(shop, name).read_text(encoding="utf-8"),
                         shop.language)
        done = wait(running, timeout=PATIENCE, return_when=FIRST_COMPLETED).done
        for name, began in [] if done else running.values():
            print(f"  {name} at work for {time.perf_counter() - began:.0f} s", flush=True)
        for future in done:
            name, began = running.pop(future)
            if future.exception():
                failed[name] = future
                waiting.clear()
                continue
            ready.append(name)
            ran.remember(name, prints[name])
            print(f"  {name} ready after {time.perf_counter() - began:.1f} s", flush=True)
    return failed


def execute(notebook: Path, output: Path, parameters: Mapping[str, Any] | None = None) -> None:
    """Execute `notebook` where it lies, within `kernels.kernels()`, and keep it in `output`, executed and clean.

    Raises what papermill does: PapermillExecutionError for an error in a cell, RuntimeError for no kernel in time.
    """
    import nbformat
    import papermill
    from jupyter_core.utils import ensure_event_loop

    output.parent.mkdir(parents=True, exist_ok=True)
    # nbclient leaves the event loop of each thread open, and with it two sockets
    with closing(ensure_event_loop()):
        # where the kernel starts is told to nbclient: papermill's own `cwd` moves the whole process, other threads too
        executed = papermill.execute_notebook(
            notebook, output, parameters=parameters, progress_bar=False, start_timeout=KERNEL_STARTS_WITHIN,
            resources={"metadata": {"path": str(notebook.parent)}}, shutdown_kernel="immediate")
    nbformat.write(_cleaned(executed), output)


def _cleaned(notebook: NotebookNode) -> NotebookNode:
    """Without times, paths and versions, so that the same run gives the same bytes."""
    import nbformat

    clean = nbformat.from_dict(notebook)
    clean.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"}})
    for cell in clean.cells:
        keep = {name: value for name, value in cell.metadata.items()
                if name not in ("papermill", "execution") and value != []}
        cell.metadata = nbformat.from_dict(keep)
        if "injected-parameters" in keep.get("tags", ()):
            cell.id = "injected-parameters"  # papermill draws one
    return clean


# ---------------------------------------------------------------- a failure
def _keep_failure(shop: Client, failed: Mapping[str, Future]) -> None:
    """Keep the partly run notebooks and error.txt beside the last complete set, and say the errors."""
    folder = state.failed(shop)
    shutil.rmtree(folder, ignore_errors=True)
    texts = []
    for name, future in failed.items():
        words, traceback = map(printable, _words(future.exception()))
        texts.append(f"{name} stopped. {words}\n" + (f"\n{traceback}\n" if traceback else ""))
        print(f"  {name} stopped. {words}", file=sys.stderr)
    try:
        folder.mkdir(parents=True)
        (folder / "error.txt").write_text("\n".join(texts), encoding="utf-8")
        for name in failed:
            with suppress(FileNotFoundError):
                os.replace(state.executed(shop, name), folder / f"{name}.ipynb")
        where = f" Where it stopped: {state.relative(shop, folder)}."
    except OSError:  # on a full disk there is no room for it
        shutil.rmtree(folder, ignore_errors=True)
        where = ""
    print(f"No new report.{where} The last complete report: {state.last_report(shop)}.", file=sys.stderr)


def _words(error: BaseException) -> tuple[str, str]:
    """What went wrong, for the person at the keyboard, and the traceback where that helps a developer."""
    from papermill.exceptions import PapermillExecutionError

    if plain := faults.words_of_kernel(error):
        return plain, ""
    if not isinstance(error, PapermillExecutionError):
        return f"{type(error).__name__}: {error}", ""
    if error.ename == "UserError":
        return error.evalue, ""
    if refused := faults.words_of(error.ename, error.evalue):
        return refused, ""
    cell = next((line for line in error.source.splitlines() if line.strip()), "")
    traceback = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).expandtabs()
    return f"In the cell that begins `{cell}`: {error.ename}: {error.evalue}", traceback
