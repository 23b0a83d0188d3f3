"""What a consultant gets: a fresh clone, `make report`, the sample client's report."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from loyalty_helpers.core.settings import CLONE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """The files that git would clone, with this environment in place of a new one."""
    root = tmp_path_factory.mktemp("clone")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=CLONE, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (CLONE / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CLONE / name, root / name)
    return root


def make(clone: Path, *words: str) -> subprocess.CompletedProcess:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LOYALTY", "MAKE"))}
    env |= {"PYTHONPATH": str(clone)}
    return subprocess.run(
        ["make", "--no-print-directory", *words, f"PYTHON={sys.executable}", "READY="],
        cwd=clone, env=env, capture_output=True, text=True, timeout=300,
    )


@pytest.fixture(scope="module")
def report(clone) -> Path:
    done = make(clone, "report")
    assert done.returncode == 0, done.stdout + done.stderr
    return clone / "reports" / "sample"


def test_make_report_answers_the_question_and_the_second_call_does_nothing(clone, report):
    assert (report / "index.html").exists() and (report / "report.html").exists()
    results = json.loads((report / "results.json").read_text(encoding="utf-8"))
    assert results["client"] == "sample" and results["verdict"] == "cannot_tell"
    assert (results["headline"]["rung"], results["headline"]["grade"]) == (3, "B")
    tables = {path.name for path in (report / "tables").iterdir()}
    assert tables >= {"data_quality.csv", "kpis.csv", "effects.csv", "segments.csv", "cases.csv", "roi.csv"}
    assert not list(report.rglob("action_list*"))
    again = make(clone, "report")
    assert again.returncode == 0 and "Nothing changed" in again.stdout


def test_the_naive_figures_are_wrong_by_more_than_the_truth(clone, report):
    """The sample's planted lift is known: the usual member comparisons overstate it many times."""
    truth = yaml.safe_load((clone / "data" / "sample" / "truth.yml").read_text(encoding="utf-8"))["shop"]
    effects = pd.read_csv(report / "tables" / "effects.csv")
    members = effects[(effects["rung"] == 0) & (effects["scope"] == "members")]
    assert len(members) >= 2
    assert (members["low"] > 2 * truth["lift_13_weeks"]).all()


def test_the_headline_and_its_cross_check_hold_the_truth_and_the_verdict_follows(clone, report):
    truth = yaml.safe_load((clone / "data" / "sample" / "truth.yml").read_text(encoding="utf-8"))["shop"]
    effects = pd.read_csv(report / "tables" / "effects.csv")
    till = effects[(effects["rung"] == 3) & (effects["outcome"] == "orders")]
    assert len(till) == 2 and till["headline"].tolist() == [True, False]
    assert (till["low"] <= truth["lift_13_weeks"]).all() and (till["high"] >= truth["lift_13_weeks"]).all()
    results = json.loads((report / "results.json").read_text(encoding="utf-8"))
    bar = pd.read_csv(report / "tables" / "roi.csv").set_index("item").loc["break-even lift", "value"]
    assert till["low"].iloc[0] < bar < till["high"].iloc[0] and results["verdict"] == "cannot_tell"
    assert results["headline"]["estimate"] == pytest.approx(till["estimate"].iloc[0])
    assert results["cross_check"]["estimate"] == pytest.approx(till["estimate"].iloc[1])
    assert {"break-even lift", "return on investment"} <= {row["item"] for row in results["money"]}
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "planted in this simulated shop, +12 %" in page


def test_no_id_of_a_customer_is_published(clone, report):
    ids = set(pd.read_csv(clone / "data" / "sample" / "members.csv", dtype=str)["Customer"].str.strip())
    assert all(re.fullmatch(r"C\d{5}", one) for one in ids)
    for path in report.rglob("*"):
        if path.is_file():
            assert not ids & set(re.findall(r"C\d{5}", path.read_text(encoding="utf-8"))), path.name
