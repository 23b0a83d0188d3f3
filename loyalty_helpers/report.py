"""The run: which chapters are due, in what order they run, and how their pages become the client's report.

Only the standard library, yaml and `client` are imported at the top: a run that finds nothing to do ends at once.

What lies where, for a client "acme":
    data/acme/prepared/          tables and results that chapters hand on; executed/ the notebooks; .run.json the state
    reports/acme/                the last complete set, replaced as a whole or not at all
    reports/acme.failed/         what the last failed run left: the partly run notebook and error.txt
"""

from __future__ import annotations

import ast
import json
import logging
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import faults
from .client import ROOT, Client, clients, load_client, matching
from .core.errors import UserError, printable, suggest

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from .page import Front


@dataclass(frozen=True)
class Chapter:
    """What a chapter needs and makes. Paths are relative to the clone; {client} stands for the client's key."""

    label: str  # in the navigation of the pages
    after: tuple[str, ...] = ()  # the chapters whose results it reads
    reads: tuple[str, ...] = ()  # other files whose change makes it due
    writes: tuple[str, ...] = ()  # what it hands on (with * for several)


# In the order of the run; a chapter starts when those in `after` are ready, two at a time.
CHAPTERS = {
    "01_data_prep": Chapter(
        "1 Data", reads=("data/{client}/themes.yml",),
        writes=("data/{client}/prepared/*.parquet", "data/{client}/prepared/results/data_quality.csv",
                "data/{client}/private/ids.parquet")),
    "02_scoring": Chapter(
        "2 Customers", after=("01_data_prep",), reads=("data/{client}/actions.csv",),
        writes=("data/{client}/prepared/results/segments.csv", "data/{client}/prepared/results/scoring.json",
                "data/{client}/private/action_list.csv", "data/{client}/private/action_list.xlsx",
                "data/{client}/private/call_sheet.html", "data/{client}/private/scores/*.parquet",
                "data/{client}/private/repurchase.*")),
    "04_program_evaluation": Chapter(
        "4 Did it work?", after=("01_data_prep",),
        writes=("data/{client}/prepared/results/kpis.csv", "data/{client}/prepared/results/effects.csv",
                "data/{client}/prepared/results/roi.csv", "data/{client}/prepared/results/verdict.json")),
    "03_case_study_comparison": Chapter(
        "3 Other programs", after=("01_data_prep", "04_program_evaluation"), reads=("data/case_studies.csv",),
        writes=("data/{client}/prepared/results/cases.csv",)),
    "00_summary": Chapter(
        "Summary", after=("01_data_prep", "02_scoring", "03_case_study_comparison", "04_program_evaluation"),
        writes=("data/{client}/prepared/results/results.json",)),
}
WORKERS = 2
PATIENCE = 20  # seconds without a word while chapters run
PACKAGE = Path(__file__).resolve().parent
# what turns executed chapters into pages: a change here makes the pages due, not the chapters
PAGE_PARTS = ("page.py", "template")
SAMPLE = "sample"  # the chapters' default for the parameter "client"
PACKAGES = ("loyalty-helpers", "pandas", "numpy", "scipy", "statsmodels", "scikit-learn", "duckdb", "narwhals",
            "seaborn", "matplotlib", "papermill", "nbconvert")
# parameters that numbers of a right kind may still be wrong for, with what is allowed
RANGES = {"confidence": (0.5, 1, " (0.95 means 95 %)"), "horizon_days": (7, 364, ""), "horizon_years": (1, 10, ""),
          "discount": (0, 1, " (0.05 means 5 %)"), "cohort_months": (1, 60, "")}


# ---------------------------------------------------------------- the verbs
def build(client_key: str) -> int:
    """Bring the client's report up to date; the exit code: 0, or 1 where a chapter failed or files changed meanwhile.

    Raises UserError for settings that cannot be used and while another run of the same client is under way. Whatever
    happens, reports/<client>/ is the last complete set.
    """
    started = time.perf_counter()
    shop = load_client(client_key)
    prints = fingerprints(shop)
    pages = _digest(prints, *(_file_digest(PACKAGE / part) for part in PAGE_PARTS))
    home = _relative(shop, shop.reports / "index.html")
    with _only_run(shop):
        state = _read_state(shop)
        due = _due(shop, prints, state)
        if not due and state.get("published") == pages and (shop.reports / "index.html").exists():
            print(f"Nothing changed: all {len(CHAPTERS)} chapters are up to date. The report: {home}")
            return 0
        finished = _run(shop, due, prints, state)
        front = _front(shop, prints)  # ahead of the check, so that the inputs it names are those of the chapters
        if not _unchanged(load_client(client_key), prints, state) or not finished:
            return 1
        _publish(shop, front)
        _write_state(shop, state | {"published": pages})
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
    with _only_run(shop):
        prints, state = fingerprints(shop), _read_state(shop)
        finished = _run(shop, list(CHAPTERS), prints, state)
        if not _unchanged(replace(load_client(SAMPLE), chapters={}), prints, state) or not finished:
            return 1
        for name in CHAPTERS:
            text = _executed(shop, name).read_text(encoding="utf-8")
            if str(_root(shop)) in text:
                raise UserError(f"{name}: an output mentions {_root(shop)}. Chapters show paths relative to the clone.")
            _notebook(shop, name).write_text(text, encoding="utf-8")
    print(f"{len(CHAPTERS)} chapters executed on the sample and kept in notebooks/.")
    return 0


def purge(client_key: str) -> str:
    """Remove everything that was made of a client's data, and say what is gone and what stays.

    Gone: prepared tables, reports, the list of actions, the call sheet, the scores kept of earlier reports and the
    customers' own ids. The raw files, the settings, draws
    of a holdout and all else in the private folder stay. Raises UserError where there is no such client, while a run
    of it is under way, and where something cannot be removed.
    """
    if client_key not in clients():
        raise UserError(f"There is no client '{client_key}', so nothing was removed.{suggest(client_key, clients())} "
                        f"Clients here: {', '.join(clients()) or 'none'}.")
    # settings that cannot be read must not keep data from being removed: only the places are needed
    shop = Client(key=client_key, folder=ROOT / "data" / client_key, name=client_key, currency="", time_zone="",
                  sources={})
    was_prepared = shop.prepared.exists()
    with _only_run(shop):  # which puts in order what a killed run has left
        found = [path for path in _made(shop) if path.exists() or path.is_symlink()]
        gone = [_relative(shop, path) + (" (a link: what it leads to stays)" if path.is_symlink() else "")
                for path in found]
        for path in found:
            _remove(shop, path)
    if was_prepared:
        gone.insert(0, _relative(shop, shop.prepared))
    _remove(shop, shop.prepared)  # last, because the lock lies in it
    with suppress(OSError):
        shop.private.rmdir()  # unless something else lies there
    stay = [f"data/{client_key}/{path.name}" for path in sorted(shop.folder.iterdir())]
    return "\n".join([
        f"Removed: {', '.join(gone)}." if gone else "There was nothing to remove.",
        f"Still there: {', '.join(stay)}.",
        "The exports themselves hold personal data too: delete them where they are no longer needed, and copies of "
        "the report that were sent to others."])


def _made(shop: Client) -> list[Path]:
    """What the verbs make of a client's data beside the prepared tables, but for draws of a holdout: without these no
    experiment can be read."""
    validation = shop.reports.with_name(f"validation_{shop.key}")
    lists = [shop.private / name for name in ("action_list.csv", "action_list.xlsx", "call_sheet.html", "scores",
                                              "repurchase.model", "ids.parquet")]
    return [shop.reports, _failed(shop), validation, *lists]


def _remove(shop: Client, path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()  # of a link, not of what it leads to
    except OSError as error:
        raise UserError(f"{_relative(shop, path)} could not be removed ({error.strerror}). Close what is open from it, "
                        "and run make purge again.") from None


def provenance(client: Client) -> dict[str, Any]:
    """Where this client's numbers come from, for a reader who wants to have them again.

    python, packages (name -> version), commit ("unknown" outside a git clone, "..., changed" with local changes),
    parameters (those set per chapter), inputs (file -> SHA-256; a database has none: "read anew"),
    fingerprint (of all of it, the chapters included).
    """
    return {
        "python": _python(),
        "packages": _versions(),
        "commit": _commit(_root(client)),
        "parameters": client.chapters,
        "inputs": _inputs(client),
        "fingerprint": fingerprints(client)["00_summary"],
    }


# ---------------------------------------------------------------- what is due
def fingerprints(client: Client) -> dict[str, str]:
    """Chapter -> SHA-256 of all it depends on: contents, not times, so that a file removed counts as a change.

    Raises UserError for a parameter in the settings that the chapter does not have, or of another type.
    """
    settings = asdict(replace(client, chapters={})) | {"folder": None}
    common = _digest(_inputs(client), settings, _python(), _versions(), _helpers(),
                     _file_digest(_root(client) / "requirements.lock"))
    prints: dict[str, str] = {}
    for name, chapter in CHAPTERS.items():
        cells = _cells(client, name)
        _check_parameters(client, name, _declared(cells))
        sources = [[cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags")] for cell in cells]
        reads = {path: _file_digest(_path(client, path)) for path in chapter.reads}
        prints[name] = _digest(common, sources, client.chapters.get(name), reads,
                               [prints[earlier] for earlier in chapter.after])
    return prints


def _due(shop: Client, prints: Mapping[str, str], state: Mapping[str, Any]) -> list[str]:
    def up_to_date(name: str) -> bool:
        ran = state["chapters"].get(name, {})
        made = [_path(shop, path) for path in ran.get("made", ())]
        return ran.get("fingerprint") == prints[name] and all(path.exists() for path in [*made, _executed(shop, name)])

    if any(source.database for several in shop.sources.values() for source in several):
        print("A source is a database. Nobody can tell whether it has changed, so every chapter runs.")
        return list(CHAPTERS)
    return [name for name in CHAPTERS if not up_to_date(name)]


def _unchanged(shop: Client, prints: Mapping[str, str], state: dict[str, Any]) -> bool:
    """Whether data, settings and chapters, read anew, are those that the run began with.

    Where not, says so and forgets the chapters concerned: nobody knows which of the two their results are made of.
    """
    now = fingerprints(shop)
    changed = [name for name in CHAPTERS if now[name] != prints[name]]
    if not changed:
        return True
    for name in changed:
        state["chapters"].pop(name, None)
    _write_state(shop, state)
    last = _relative(shop, shop.reports) if shop.reports.exists() else "none yet"
    print("Data, settings or chapters changed while the report was being made, so it was not published. Run it again. "
          f"The last complete report: {last}.", file=sys.stderr)
    return False


def _inputs(client: Client) -> dict[str, str]:
    sources = [source for several in client.sources.values() for source in several]
    patterns = [pattern for source in sources for pattern in source.files]
    try:
        paths = {path for pattern in patterns for path in matching(client.folder, pattern) if path.is_file()}
    except UserError as error:  # which begins with the name of the file
        raise UserError(f"data/{client.key}/{error}") from None
    # the newest rows of a SQLite database may stand in a file beside it
    paths |= {log for path in paths if (log := path.with_name(f"{path.name}-wal")).is_file()}
    names = {path.relative_to(client.folder).as_posix(): path for path in sorted(paths)}
    digests = {name: _input_digest(path, f"data/{client.key}/{name}") for name, path in names.items()}
    bases = [urlsplit(source.database).path[1:] for source in sources if source.database]
    return digests | {f"database {name}": "read anew" for name in bases}


def _input_digest(path: Path, shown: str) -> str | None:
    try:
        return _file_digest(path)
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror}. Copy or export it again, and see that you may read "
                        "it.") from None


@cache
def _helpers() -> str:
    """Of the helpers as this run began: its kernels have imported them, whatever becomes of the files later."""
    files = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.suffix in (".py", ".csv", ".yml")}
    return _digest({path.as_posix(): _file_digest(PACKAGE / path)
                    for path in sorted(files) if path.parts[0] not in PAGE_PARTS})


def _file_digest(path: Path) -> str | None:
    """SHA-256 of a file, or of a folder's files by name; None where there is nothing."""
    if path.is_dir():
        return _digest({inner.name: _file_digest(inner) for inner in sorted(path.iterdir())})
    if not path.exists():
        return None
    with path.open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _digest(*parts: Any) -> str:
    return sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _commit(root: Path) -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout

    try:
        return git("rev-parse", "HEAD").strip() + (", changed" if git("status", "--porcelain").strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


# ---------------------------------------------------------------- parameters
def check_parameters(client: Client) -> None:
    """UserError for a parameter in the settings that its chapter does not have, or of a value that cannot be."""
    for name in client.chapters:
        _check_parameters(client, name, _declared(_cells(client, name)))


def _declared(cells: list[dict]) -> dict[str, Any]:
    """The parameters of a chapter with their defaults (None where the default is not a plain value)."""
    code = "\n".join("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", ()))
    declared = {}
    for statement in ast.parse(code).body:
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(targets[0], ast.Name):
            declared[targets[0].id] = None
            with suppress(ValueError, TypeError):
                declared[targets[0].id] = ast.literal_eval(statement.value)
    return declared


def _check_parameters(client: Client, name: str, declared: Mapping[str, Any]) -> None:
    known = sorted(set(declared) - {"client"})
    for parameter, value in client.chapters.get(name, {}).items():
        at = f"data/{client.key}/client.yml: chapters.{name}.{parameter}"
        if parameter not in known:
            raise UserError(f"{at} is not a parameter of that chapter.{suggest(parameter, known)} "
                            f"It has: {', '.join(known) or 'none'}.")
        if not _fits(value, declared[parameter]):
            raise UserError(f"{at} is {value!r}; allowed: a value of the same kind as its default, "
                            f"{declared[parameter]!r}.")
        low, high, hint = RANGES.get(parameter, (-math.inf, math.inf, ""))
        inside = low < value < high if parameter == "confidence" else parameter not in RANGES or low <= value <= high
        if not inside:
            raise UserError(f"{at} is {value!r}; allowed: between {low} and {high}{hint}.")


def _fits(value: Any, default: Any) -> bool:
    if default is None:
        return True
    if isinstance(default, float):
        return type(value) in (int, float)
    return type(value) is type(default) or (isinstance(value, date) and isinstance(default, str))


def _parameters(client: Client, name: str) -> dict[str, Any]:
    """What papermill injects: nothing for the sample without settings, so that its chapters stay as they are."""
    given = {parameter: value.isoformat() if isinstance(value, date) else value
             for parameter, value in client.chapters.get(name, {}).items()}
    return given if client.key == SAMPLE else {"client": client.key} | given


# ---------------------------------------------------------------- the run
def _run(shop: Client, due: list[str], prints: Mapping[str, str], state: dict[str, Any]) -> bool:
    """Run the chapters that are due and note in `state` what they made; False, with a word, where one failed."""
    if not due:
        return True
    from . import kernels

    with kernels.kernels():
        # compiles a grammar of web addresses for a second when papermill is imported; notebooks need none
        sys.modules.setdefault("rfc3987_syntax", None)
        # the warm process imports on one core, this one on the other
        import papermill  # noqa: F401

        logging.getLogger("papermill").setLevel(logging.CRITICAL)  # a failure is said in our own words
        try:
            failed = _run_in_order(shop, due, prints, state)
        except KeyboardInterrupt:
            # the threads of the workers would wait for their chapters; the lock ends with this process, kernels before
            kernels.end()
            print("Stopped. The last complete report is as it was.", file=sys.stderr, flush=True)
            os._exit(130)
    if failed:
        _keep_failure(shop, failed)
    return not failed


def _run_in_order(
    shop: Client, due: list[str], prints: Mapping[str, str], state: dict[str, Any]
) -> dict[str, Future]:
    """Two chapters at a time, each when those it needs are ready; the failed ones.

    After a failure no further chapter starts, and what the other worker is doing is brought to its end.
    """
    waiting, running, ready, failed = list(due), {}, [], {}
    pool = ThreadPoolExecutor(WORKERS)
    while waiting or running:
        busy = {*waiting, *(name for name, _ in running.values())}
        for name in [name for name in waiting if not busy & set(CHAPTERS[name].after)]:
            waiting.remove(name)
            _forget(shop, name, state)
            print(f"  {name} ...", flush=True)
            running[pool.submit(_execute, shop, name)] = name, time.perf_counter()
        # what publication needs is imported and rendered while chapters run
        from . import page
        while ready:
            name = ready.pop()
            page.chapter(name, CHAPTERS[name].label, _executed(shop, name).read_text(encoding="utf-8"))
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
            _remember(shop, name, prints[name], state)
            print(f"  {name} ready after {time.perf_counter() - began:.1f} s", flush=True)
    return failed


def _execute(shop: Client, name: str) -> None:
    execute(_notebook(shop, name), _executed(shop, name), _parameters(shop, name))


def execute(notebook: Path, output: Path, parameters: Mapping[str, Any] | None = None) -> None:
    """Execute `notebook` where it lies, within `kernels.kernels()`, and keep it in `output`, executed and clean."""
    import nbformat
    import papermill
    from jupyter_core.utils import ensure_event_loop

    output.parent.mkdir(parents=True, exist_ok=True)
    # nbclient leaves the event loop of each thread open, and with it two sockets
    with closing(ensure_event_loop()):
        # where the kernel starts is told to nbclient: papermill's own `cwd` moves the whole process, other threads too
        executed = papermill.execute_notebook(
            notebook, output, parameters=parameters, progress_bar=False,
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
    return clean


def _forget(shop: Client, name: str, state: dict[str, Any]) -> None:
    """Before a chapter runs: its earlier results are neither taken for new ones nor published again."""
    state["chapters"].pop(name, None)
    _write_state(shop, state)
    for path in CHAPTERS[name].writes:
        if "/results/" in path:
            _path(shop, path).unlink(missing_ok=True)


def _remember(shop: Client, name: str, fingerprint: str, state: dict[str, Any]) -> None:
    found = [path for pattern in CHAPTERS[name].writes for path in _root(shop).glob(pattern.format(client=shop.key))]
    made = sorted(_relative(shop, path) for path in found)
    state["chapters"][name] = {"fingerprint": fingerprint, "made": made}
    _write_state(shop, state)


# ---------------------------------------------------------------- a failure
def _keep_failure(shop: Client, failed: Mapping[str, Future]) -> None:
    """Keep the partly run notebooks and error.txt beside the last complete set, and say the errors."""
    folder = _failed(shop)
    shutil.rmtree(folder, ignore_errors=True)
    texts = []
    for name, future in failed.items():
        words, traceback = map(printable, _words(future.exception()))
        texts.append(f"{name} stopped. {words}\n" + (f"\n{traceback}\n" if traceback else ""))
        print(f"  {name} stopped. {words}", file=sys.stderr)
    last = _relative(shop, shop.reports) if shop.reports.exists() else "none yet"
    try:
        folder.mkdir(parents=True)
        (folder / "error.txt").write_text("\n".join(texts), encoding="utf-8")
        for name in failed:
            with suppress(FileNotFoundError):
                os.replace(_executed(shop, name), folder / f"{name}.ipynb")
        where = f" Where it stopped: {_relative(shop, folder)}."
    except OSError:  # on a full disk there is no room for it
        shutil.rmtree(folder, ignore_errors=True)
        where = ""
    print(f"No new report.{where} The last complete report: {last}.", file=sys.stderr)


def _words(error: BaseException) -> tuple[str, str]:
    """What went wrong, for the person at the keyboard, and the traceback where that helps a developer."""
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if isinstance(error, OSError | MemoryError):
        return faults.words(error), ""
    if isinstance(error, DeadKernelError) or "Kernel died" in str(error):
        return ("Its Python process ended in the middle of the chapter, most often because the computer ran out of "
                "memory. Close other programs and try again."), ""
    if not isinstance(error, PapermillExecutionError):
        return f"{type(error).__name__}: {error}", ""
    if error.ename == "UserError":
        return error.evalue, ""
    if refused := faults.words_of(error.ename, error.evalue):
        return refused, ""
    cell = next((line for line in error.source.splitlines() if line.strip()), "")
    traceback = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).expandtabs()
    return f"In the cell that begins `{cell}`: {error.ename}: {error.evalue}", traceback


# ---------------------------------------------------------------- publication
def _publish(shop: Client, front: Front) -> None:
    """Write the complete set beside the current one, then put it in its place in one step.

    Where either fails, nothing of the new set is left, and the current one is where it was.
    """
    new = shop.reports.with_name(f".{shop.key}.{os.getpid()}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        _write_set(shop, new, front)
        try:
            _swap(new, shop.reports)
        except OSError as error:
            raise UserError(f"{_relative(shop, shop.reports)} could not be replaced ({error.strerror}). Close what is "
                            "open from that folder and run again.") from None
    finally:
        _tidy(shop)
    shutil.rmtree(_failed(shop), ignore_errors=True)


def _write_set(shop: Client, new: Path, front: Front) -> None:
    from . import page

    notebooks = {name: _executed(shop, name).read_text(encoding="utf-8") for name in sorted(CHAPTERS)}
    labels = {name: chapter.label for name, chapter in CHAPTERS.items()}
    for folder in ("notebooks", "tables"):
        (new / folder).mkdir(parents=True)
    for name, html in page.render(notebooks, labels, front).items():
        (new / name).write_text(html, encoding="utf-8")
    for name in CHAPTERS:
        shutil.copyfile(_executed(shop, name), new / "notebooks" / f"{name}.ipynb")
    for table in sorted(shop.results.glob("*.csv")):
        shutil.copyfile(table, new / "tables" / table.name)
    with suppress(FileNotFoundError):
        shutil.copyfile(shop.results / "results.json", new / "results.json")


def _front(shop: Client, prints: Mapping[str, str]) -> Front:
    from .page import TITLE, Front

    launched = shop.program.launched_on
    versions = _versions()
    made_by = ", ".join(f"{name} {versions[name]}" for name in PACKAGES[:2] if name in versions)
    inputs = ", ".join(f"{name} ({digest[:12]})" for name, digest in _inputs(shop).items())
    return Front(
        client=shop.name, language=shop.language,
        lines=[line for line in (
            TITLE, launched and f"Program launched {_day(launched)}", _period(shop),
            shop.prepared_by and f"Prepared by {shop.prepared_by}") if line],
        footer=[
            f"Made on {_day(date.today())} with Python {_python()}, {made_by}; commit {_commit(_root(shop))[:12]}.",
            f"Inputs, with the beginning of their SHA-256: {inputs or 'none'}.",
            f"Fingerprint of data, settings, chapters and helpers: {prints['00_summary'][:16]}."])


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


def _swap(new: Path, current: Path) -> None:
    """Make the folder `new` the folder `current`; at any moment one complete folder of that name exists.

    Where the system cannot exchange two folders in one step, there is an instant between two renames; a run killed
    just then leaves the old set as .<client>.old, and `_tidy` puts it back.
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


def _tidy(shop: Client) -> None:
    """Repair what a killed run may have left: put the last complete set back, remove incomplete ones."""
    old = shop.reports.with_name(f".{shop.key}.old")
    if old.exists() and not shop.reports.exists():
        old.rename(shop.reports)
    for leftover in [old, *shop.reports.parent.glob(f".{shop.key}.*.new")]:
        shutil.rmtree(leftover, ignore_errors=True)


# ---------------------------------------------------------------- places, state, one run at a time
def _root(client: Client) -> Path:
    return client.folder.parents[1]


def _path(client: Client, path: str) -> Path:
    return _root(client) / path.format(client=client.key)


def _relative(client: Client, path: Path) -> str:
    return path.relative_to(_root(client)).as_posix()


def _notebook(client: Client, name: str) -> Path:
    return _root(client) / "notebooks" / f"{name}.ipynb"


def _executed(client: Client, name: str) -> Path:
    return client.prepared / "executed" / f"{name}.ipynb"


def _failed(client: Client) -> Path:
    return client.reports.with_name(f"{client.key}.failed")


def _cells(client: Client, name: str) -> list[dict]:
    try:
        return json.loads(_notebook(client, name).read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        raise UserError(f"notebooks/{name}.ipynb is missing or damaged. Get it back from the repository.") from None


def _read_state(client: Client) -> dict[str, Any]:
    try:
        state = json.loads((client.prepared / ".run.json").read_text(encoding="utf-8"))
        return state if isinstance(state.get("chapters"), dict) else {"chapters": {}}
    except (OSError, ValueError, AttributeError):
        return {"chapters": {}}


def _write_state(client: Client, state: Mapping[str, Any]) -> None:
    beside = client.prepared / ".run.json.new"
    beside.write_text(json.dumps(state, indent=1), encoding="utf-8")
    os.replace(beside, client.prepared / ".run.json")


@contextmanager
def _only_run(client: Client) -> Iterator[None]:
    """Keeps a second run of the same client away, and begins with what a killed one has left."""
    with faults.only_run(client):
        client.reports.parent.mkdir(exist_ok=True)
        _tidy(client)
        yield
