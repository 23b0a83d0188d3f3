"""What the run knows of chapters: which there are, where their files lie, which are up to date, what they made.

What lies where, for a client "acme":
    data/acme/prepared/          tables and results that chapters hand on; executed/ the notebooks; .run.json the state
    reports/acme/                the last complete set, replaced as a whole or not at all
    reports/acme.failed/         what the last failed run left: the partly run notebook and error.txt
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loyalty_helpers.core.settings import Client, UserError


@dataclass(frozen=True)
class Chapter:
    """What a chapter needs and makes. Paths are relative to the clone; {client} stands for the client's key."""

    label: str  # in the navigation of the pages
    after: tuple[str, ...] = ()  # the chapters whose results it reads
    reads: tuple[str, ...] = ()  # other files whose change makes it due
    results: tuple[str, ...] = ()  # what it hands on, in prepared/results/
    writes: tuple[str, ...] = ()  # what else it writes (with * for several)


# In the order of the run; a chapter starts when those in `after` are ready, two at a time.
CHAPTERS = {
    "01_data_prep": Chapter(
        "1 Data", reads=("data/{client}/themes.yml",), results=("data_quality.csv",),
        writes=("data/{client}/prepared/*.parquet", "data/{client}/private/ids.parquet")),
    "02_scoring": Chapter(
        "2 Customers", after=("01_data_prep",), reads=("data/{client}/actions.csv",),
        results=("segments.csv", "scoring.json"),
        writes=("data/{client}/private/action_list.csv", "data/{client}/private/action_list.xlsx",
                "data/{client}/private/call_sheet.html", "data/{client}/private/scores/*.parquet",
                "data/{client}/private/repurchase.*")),
    "04_program_evaluation": Chapter(
        "4 Did it work?", after=("01_data_prep",), results=("kpis.csv", "effects.csv", "roi.csv", "verdict.json")),
    "03_case_study_comparison": Chapter(
        "3 Other programs", after=("01_data_prep", "04_program_evaluation"), reads=("data/case_studies.csv",),
        results=("cases.csv",)),
    "00_summary": Chapter(
        "Summary", after=("01_data_prep", "02_scoring", "03_case_study_comparison", "04_program_evaluation"),
        results=("results.json",)),
}
SAMPLE = "sample"  # the chapters' default for the parameter "client"


# ---------------------------------------------------------------- places
def root(client: Client) -> Path:
    """The clone in which the client's folder lies."""
    return client.folder.parents[1]


def relative(client: Client, path: Path) -> str:
    """`path` as it is shown: from the clone on."""
    return path.relative_to(root(client)).as_posix()


def notebook(client: Client, name: str) -> Path:
    """The chapter as it is kept; raises nothing where it is missing."""
    return root(client) / "notebooks" / f"{name}.ipynb"


def executed(client: Client, name: str) -> Path:
    """The chapter as it was last run for the client."""
    return client.prepared / "executed" / f"{name}.ipynb"


def failed(client: Client) -> Path:
    """The folder of what a failed run leaves."""
    return client.reports.with_name(f"{client.key}.failed")


def last_report(client: Client) -> str:
    """Where the last complete set lies, in words."""
    return relative(client, client.reports) if client.reports.exists() else "none yet"


def cells(client: Client, name: str) -> list[dict]:
    """The cells of a chapter. Raises UserError where the notebook is missing or damaged."""
    try:
        return json.loads(notebook(client, name).read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        raise UserError(f"notebooks/{name}.ipynb is missing or damaged. Get it back from the repository.") from None


# ---------------------------------------------------------------- what has been run
class State:
    """What has been run for a client: chapter -> the fingerprint it ran with and what it made; the pages' fingerprint.

    Kept as prepared/.run.json at every change. What cannot be read there counts as nothing run.
    """

    def __init__(self, client: Client) -> None:
        self.client, self.chapters, self.published = client, {}, ""
        with suppress(OSError, ValueError, AttributeError, TypeError):
            kept = json.loads((client.prepared / ".run.json").read_text(encoding="utf-8"))
            self.chapters, self.published = dict(kept["chapters"]), kept.get("published", "")

    def due(self, prints: Mapping[str, str]) -> list[str]:
        """The chapters to run, in order; with a database among the sources all of them, which is said."""
        if any(source.database for several in self.client.sources.values() for source in several):
            print("A source is a database. Nobody can tell whether it has changed, so every chapter runs.")
            return list(CHAPTERS)
        return [name for name in CHAPTERS if not self._is_ready(name, prints[name])]

    def _is_ready(self, name: str, fingerprint: str) -> bool:
        ran = self.chapters.get(name, {})
        made = [root(self.client) / path for path in ran.get("made", ())]
        return ran.get("fingerprint") == fingerprint and all(
            path.exists() for path in [*made, executed(self.client, name)])

    def forget(self, *names: str, results: bool = False) -> None:
        """Take chapters for not run; with `results`, so that none is taken for new or published again, those go too."""
        for name in names:
            self.chapters.pop(name, None)
            for result in CHAPTERS[name].results if results else ():
                (self.client.results / result).unlink(missing_ok=True)
        self._write()

    def remember(self, name: str, fingerprint: str) -> None:
        """Take a chapter for run, with all it made."""
        patterns = [*(f"{relative(self.client, self.client.results)}/{one}" for one in CHAPTERS[name].results),
                    *(one.format(client=self.client.key) for one in CHAPTERS[name].writes)]
        made = sorted(relative(self.client, path) for one in patterns for path in root(self.client).glob(one))
        self.chapters[name] = {"fingerprint": fingerprint, "made": made}
        self._write()

    def publish(self, pages: str) -> None:
        """Take the pages with this fingerprint for published."""
        self.published = pages
        self._write()

    def _write(self) -> None:
        beside = self.client.prepared / ".run.json.new"
        kept: dict[str, Any] = {"chapters": self.chapters, "published": self.published}
        beside.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        os.replace(beside, self.client.prepared / ".run.json")
