"""The run: what is due runs, what is not does not, and reports/<client>/ is a complete set at any moment."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import nbformat
import pytest
import small_clone

from loyalty_helpers import client, kernels, report
from loyalty_helpers.client import load_client
from loyalty_helpers.core.errors import UserError

ALL = sorted(small_clone.WORK)
PAGES = {"index.html", "01_data_prep.html", "02_scoring.html", "03_case_study_comparison.html",
         "04_program_evaluation.html", "report.html"}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Where every test has its clone: the helpers learn the place once, when the warm process imports them."""
    root = tmp_path_factory.mktemp("place") / "clone"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_ROOT", str(root))
        patch.setattr(client, "ROOT", root)
        with kernels.kernels():
            # the tests share one warm process, which a run would make for itself
            patch.setattr(kernels, "kernels", nullcontext)
            yield root


@pytest.fixture(scope="module")
def finished(place, tmp_path_factory) -> Path:
    """A copy of a small clone whose report is built."""
    small_clone.make(place)
    assert report.build("acme") == 0
    copy = tmp_path_factory.mktemp("finished") / "clone"
    place.rename(copy)
    return copy


@pytest.fixture
def clone(finished, place) -> Iterator[Path]:
    shutil.copytree(finished, place)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def shop(clone) -> client.Client:
    return load_client("acme", clone)


@pytest.fixture
def sample(place) -> Iterator[Path]:
    """A fresh small clone whose client is the sample."""
    small_clone.make(place, "sample")
    yield place
    shutil.rmtree(place)


def ran(output: str) -> list[str]:
    return sorted(line.split()[0] for line in output.splitlines() if line.endswith("..."))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def prints(root: Path) -> dict[str, str]:
    return report.fingerprints(load_client("acme", root))


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(name for name in before if before[name] != after[name])


# ---------------------------------------------------------------- a complete run
def test_a_run_leaves_the_set_that_the_design_names(clone):
    files = set(snapshot(clone / "reports" / "acme"))
    assert files == PAGES | {"results.json"} | {f"notebooks/{name}.ipynb" for name in ALL} | {
        f"tables/{name}.csv" for name in ("data_quality", "segments", "kpis", "cases")}
    assert json.loads((clone / "reports/acme/results.json").read_text()) == {"client": small_clone.NAME, "spend": 30}
    assert sorted(path.name for path in (clone / "reports").iterdir()) == ["acme"]


def test_nothing_private_and_no_path_of_this_machine_is_published(clone):
    assert (clone / "data/acme/private/action_list.csv").exists()
    for name, content in snapshot(clone / "reports").items():
        assert "action_list" not in name and str(clone).encode() not in content, name


def test_published_notebooks_are_executed_and_clean(clone):
    for name in ALL:
        notebook = nbformat.read(clone / "reports/acme/notebooks" / f"{name}.ipynb", as_version=4)
        assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
        assert set(notebook.metadata) == {"kernelspec", "language_info"}
        assert {key for cell in notebook.cells for key in cell.metadata} <= {"tags"}
        assert [cell.id for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])] == [
            f"cell-{number}" for number in range(len(small_clone.chapter(name).cells))]


def test_the_page_names_client_launch_period_and_author(clone):
    page = (clone / "reports/acme/index.html").read_text(encoding="utf-8")
    for words in ("Ann &amp; Bob&#39;s &lt;Shop&gt;", "Program launched 3 Mar 2025", "Orders 5 Jan 2025 – 30 Jun 2025",
                  "Prepared by Someone", "orders.csv ("):
        assert words in page


# ---------------------------------------------------------------- what is due
def test_nothing_changed_is_said_within_a_second_of_work_and_without_heavy_imports(clone):
    before = snapshot(clone)
    code = ("import sys, time\nfrom loyalty_helpers import __main__\nassert __main__.main(['report', 'acme']) == 0\n"
            "assert not {'pandas', 'papermill', 'nbconvert', 'nbformat', 'duckdb'} & set(sys.modules)\n"
            "print(time.process_time())")
    done = subprocess.run([sys.executable, "-c", code], env=small_clone.environment(clone), capture_output=True,
                          text=True)
    assert done.stdout.startswith("Nothing changed"), done.stderr
    assert float(done.stdout.splitlines()[-1]) < 1
    assert snapshot(clone) == before


def test_a_long_chapter_says_that_it_is_at_work(clone, monkeypatch, capsys):
    monkeypatch.setattr(report, "PATIENCE", 0.5)
    small_clone.write_chapter(clone, "00_summary", "import time\ntime.sleep(1.2)")
    assert report.build("acme") == 0
    assert re.search(r"^  00_summary at work for \d+ s$", capsys.readouterr().out, re.MULTILINE)


def test_one_chapter_edited_reruns_it_and_what_depends_on_it(clone, capsys):
    small_clone.write_chapter(clone, "04_program_evaluation", "print('edited')")
    assert report.build("acme") == 0
    assert ran(capsys.readouterr().out) == ["00_summary", "03_case_study_comparison", "04_program_evaluation"]
    assert "edited" in (clone / "reports/acme/04_program_evaluation.html").read_text(encoding="utf-8")


def test_a_result_removed_by_hand_is_made_again(clone, shop, capsys):
    (shop.results / "segments.csv").unlink()
    assert report.build("acme") == 0
    assert ran(capsys.readouterr().out) == ["02_scoring"]


def test_a_prepared_table_removed_by_hand_is_made_again(clone, shop, capsys):
    notebook = small_clone.chapter("01_data_prep")
    work = notebook.cells[4].source
    notebook.cells[4].source = work.replace('"orders": orders}', '"orders": orders, "members": orders}')
    nbformat.write(notebook, clone / "notebooks/01_data_prep.ipynb")
    assert report.build("acme") == 0
    (shop.prepared / "members.parquet").unlink()
    capsys.readouterr()
    assert report.build("acme") == 0
    assert ran(capsys.readouterr().out) == ["01_data_prep"] and (shop.prepared / "members.parquet").exists()


def test_a_removed_report_is_published_again_without_a_run(clone, capsys):
    before = snapshot(clone / "reports")
    shutil.rmtree(clone / "reports")
    assert report.build("acme") == 0
    assert ran(capsys.readouterr().out) == [] and snapshot(clone / "reports") == before


def test_raw_files_count_by_content_and_when_they_come_or_go(clone):
    before, orders = prints(clone), clone / "data/acme/orders.csv"
    os.utime(orders, (0, 0))
    assert prints(clone) == before
    (clone / "data/acme/orders_2.csv").write_text("order_id\n")
    assert changed(before, prints(clone)) == ALL
    (clone / "data/acme/orders_2.csv").unlink()
    assert prints(clone) == before
    orders.write_text(orders.read_text().replace("10", "11"))
    assert changed(before, prints(clone)) == ALL


def test_a_file_whose_name_looks_like_a_pattern_counts(clone):
    orders = clone / "data/acme/orders [2025].csv"
    orders.write_text("order_id\n")
    path = clone / "data/acme/client.yml"
    path.write_text(path.read_text().replace("orders*.csv", orders.name))
    before = prints(clone)
    orders.write_text("order_id\n1\n")
    assert changed(before, prints(clone)) == ALL


@pytest.mark.parametrize(("path", "old", "new"), [("orders.csv", "10", "11"), ("client.yml", "Someone", "Nobody")])
def test_what_changes_during_a_run_is_not_published_and_not_believed_later(clone, capsys, path, old, new):
    published, path = snapshot(clone / "reports/acme"), clone / "data/acme" / path
    before = path.read_text()
    small_clone.write_chapter(clone, "04_program_evaluation", f"""
path = shop.folder / {path.name!r}
path.write_text(path.read_text().replace({old!r}, {new!r}))""")
    assert report.build("acme") == 1
    assert "changed while the report was being made" in capsys.readouterr().err
    assert snapshot(clone / "reports/acme") == published
    # back as it was, the results may still be those of the changed file
    path.write_text(before)
    small_clone.write_chapter(clone, "04_program_evaluation")
    assert report.build("acme") == 0
    assert ran(capsys.readouterr().out) == ALL


@pytest.mark.parametrize(("path", "due"), [
    ("data/case_studies.csv", ["00_summary", "03_case_study_comparison"]),
    ("data/acme/actions.csv", ["00_summary", "02_scoring"]),
    ("requirements.lock", ALL),
])
def test_other_files_that_chapters_depend_on(clone, path, due):
    before = prints(clone)
    (clone / path).write_text("something")
    assert changed(before, prints(clone)) == due


def test_outputs_of_a_chapter_do_not_count_and_its_sources_do(clone, shop):
    before, path = prints(clone), clone / "notebooks/02_scoring.ipynb"
    path.write_bytes((shop.prepared / "executed/01_data_prep.ipynb").read_bytes())
    assert changed(before, prints(clone)) == ["00_summary", "02_scoring"]
    small_clone.write_chapter(clone, "02_scoring")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="x")]
    nbformat.write(notebook, path)
    assert prints(clone) == before


def settings(root: Path, text: str) -> None:
    (root / "data/acme/client.yml").write_text(small_clone.SETTINGS + text, encoding="utf-8")


def test_settings_count_by_meaning_and_parameters_for_their_chapter(clone, capsys):
    before = prints(clone)
    settings(clone, "# a remark\n")
    assert prints(clone) == before
    settings(clone, "chapters: {02_scoring: {top: 5}}\n")
    assert changed(before, prints(clone)) == ["00_summary", "02_scoring"]
    assert report.build("acme") == 0
    assert (clone / "reports/acme/tables/segments.csv").read_text() == "segment,top\n<b>bold</b>,5\n"
    settings(clone, "primary_kpi: nps\n")
    assert changed(before, prints(clone)) == ALL


@pytest.mark.parametrize(("text", "words"), [
    ("02_scoring: {topp: 5}", "Did you mean 'top'?"),
    ("01_data_prep: {topp: 5}", "It has: none."),
    ("02_scoring: {client: other}", "not a parameter"),
    ("02_scoring: {top: five}", "its default, 3"),
    ("02_scoring: {top: 2.5}", "its default, 3"),
    ("02_scoring: {top: true}", "its default, 3"),
])
def test_a_wrong_parameter_stops_before_anything_runs(clone, text, words):
    settings(clone, f"chapters: {{{text}}}\n")
    with pytest.raises(UserError, match=r"client\.yml: chapters\.0") as error:
        report.build("acme")
    assert words in str(error.value)


@pytest.mark.parametrize("value", ["95", "0.5", "1", "0", "-0.9", ".nan", ".inf"])
def test_a_confidence_outside_its_range_stops_before_anything_runs(clone, shop, value):
    assert report._check_parameters(shop, "04_program_evaluation", {"confidence": 0.95}) is None
    settings(clone, f"chapters: {{04_program_evaluation: {{confidence: {value}}}}}\n")
    with pytest.raises(UserError, match=r"04_program_evaluation\.confidence is .*allowed: between 0\.5 and 1 \(0\.95"):
        report._check_parameters(load_client("acme", clone), "04_program_evaluation", {"confidence": 0.95})
    settings(clone, "chapters: {04_program_evaluation: {confidence: 0.9}}\n")
    report._check_parameters(load_client("acme", clone), "04_program_evaluation", {"confidence": 0.95})


# ---------------------------------------------------------------- failures
def test_a_failing_chapter_leaves_the_last_set_and_its_own_evidence(clone, capsys):
    published, failed = snapshot(clone / "reports/acme"), clone / "reports/acme.failed"
    small_clone.write_chapter(clone, "04_program_evaluation", "print('before')",
                              "from loyalty_helpers.core.errors import UserError\n"
                              "raise UserError('Row 7: <no> amount.')",
                              "print('after')")
    assert report.build("acme") == 1
    said = capsys.readouterr()
    assert "04_program_evaluation stopped. Row 7: <no> amount." in said.err and "reports/acme.failed" in said.err
    assert "ready" not in said.out.partition("04_program_evaluation ...")[2].replace("02_scoring ready", "")
    assert snapshot(clone / "reports/acme") == published
    assert (failed / "error.txt").read_text() == "04_program_evaluation stopped. Row 7: <no> amount.\n"
    outputs = str([cell.get("outputs") for cell in nbformat.read(failed / "04_program_evaluation.ipynb", 4).cells])
    assert "before" in outputs and "after" not in outputs
    # what had become ready is not run again, and success removes the evidence
    small_clone.write_chapter(clone, "04_program_evaluation", "print('repaired')")
    assert report.build("acme") == 0
    assert ran(capsys.readouterr().out) == ["00_summary", "03_case_study_comparison", "04_program_evaluation"]
    assert not failed.exists()


def test_an_error_nobody_foresaw_names_cell_and_error(clone, capsys):
    small_clone.write_chapter(clone, "00_summary", "x = 1\n1 / 0")
    assert report.build("acme") == 1
    assert "In the cell that begins `x = 1`: ZeroDivisionError: division by zero" in capsys.readouterr().err
    error = (clone / "reports/acme.failed/error.txt").read_text()
    assert "----> 2 1 / 0" in error and "\x1b" not in error


def test_an_error_text_does_not_steer_the_terminal(clone, capsys):
    small_clone.write_chapter(clone, "00_summary", r"raise ValueError('a \x1b[2J b \x07')")
    assert report.build("acme") == 1
    said = capsys.readouterr().err
    assert "ValueError: a ?[2J b ?\n" in said and "\x1b" not in said


def test_a_kernel_that_dies_is_explained(clone, capsys):
    small_clone.write_chapter(clone, "00_summary", "import os; os._exit(1)")
    assert report.build("acme") == 1
    assert "ran out of memory" in capsys.readouterr().err
    assert (clone / "reports/acme.failed/00_summary.ipynb").exists()


def test_a_failed_run_publishes_nothing_old_as_new(clone, shop):
    """A result that a chapter no longer makes is gone from the next set."""
    work = small_clone.WORK["03_case_study_comparison"].replace('"cases"', '"others"')
    notebook = small_clone.chapter("03_case_study_comparison")
    notebook.cells[4].source = work
    nbformat.write(notebook, clone / "notebooks/03_case_study_comparison.ipynb")
    small_clone.write_chapter(clone, "00_summary")
    path = clone / "notebooks/00_summary.ipynb"
    path.write_text(path.read_text().replace("cases", "others"))
    assert report.build("acme") == 0
    assert sorted(path.stem for path in (clone / "reports/acme/tables").iterdir()) == [
        "data_quality", "kpis", "others", "segments"]


def test_a_missing_or_damaged_notebook_is_said(clone):
    (clone / "notebooks/02_scoring.ipynb").write_text("{")
    with pytest.raises(UserError, match=r"notebooks/02_scoring\.ipynb is missing or damaged"):
        report.build("acme")


# ---------------------------------------------------------------- complete or not at all
def test_a_second_run_of_the_same_client_is_turned_away(clone, shop):
    words = rf"A run of 'acme' is under way since \d\d:\d\d \(process {os.getpid()}\): wait until it has ended\."
    with report._only_run(shop), pytest.raises(UserError, match=words):
        report.build("acme")
    assert report.build("acme") == 0


@pytest.mark.parametrize("exchange", [True, False])
def test_swap_puts_the_new_set_in_place(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(report, "_exchange", lambda one, other: False)
    current, new = tmp_path / "acme", tmp_path / ".acme.1.new"
    for text in ("first", "second"):
        new.mkdir()
        (new / "index.html").write_text(text)
        report._swap(new, current)
        assert snapshot(tmp_path) == {"acme/index.html": text.encode()}


def test_a_run_killed_between_two_renames_is_repaired_by_the_next(clone, shop, monkeypatch):
    published = snapshot(clone / "reports/acme")

    def killed(new: Path, target: Path) -> None:
        if target.name == "acme":
            raise KeyboardInterrupt
        os.rename(new, target)

    new = clone / "reports/.acme.1.new"
    new.mkdir()
    monkeypatch.setattr(report, "_exchange", lambda one, other: False)
    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        report._swap(new, shop.reports)
    monkeypatch.undo()
    assert not shop.reports.exists()
    with report._only_run(shop):
        assert snapshot(clone / "reports") == {f"acme/{name}": content for name, content in published.items()}


# Publishes again and again, each time in a process that is killed one file operation later than the last one
KILLED_WHILE_PUBLISHING = """
import os, signal, sys
from loyalty_helpers import client, page, report
shop = client.load_client("acme")
prints = report.fingerprints(shop)
pages = {}
render = page.render
page.render = lambda *arguments: pages.update(render(*arguments)) or pages
front = report._front(shop, prints)
report._publish(shop, front)

def publish(number):
    def count(event, arguments):
        global left
        if event.split(".")[0] in ("open", "os", "shutil", "ctypes"):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    global left
    left = number
    page.render = lambda *arguments: {name: f"{html}<!--{number}-->" for name, html in pages.items()}
    sys.addaudithook(count)
    with report._only_run(shop):
        report._publish(shop, front)
    os._exit(0)

number, status = 0, 1
while status:
    number += 1
    child = os.fork()
    if child == 0:
        publish(number)
    status = os.waitpid(child, 0)[1]
    sets = {html.partition("</html>")[2] for html in (path.read_text() for path in shop.reports.glob("*.html"))}
    names = sorted(path.relative_to(shop.reports).as_posix() for path in shop.reports.rglob("*") if path.is_file())
    print(len(sets), *names)
"""


def test_a_run_killed_at_any_moment_of_the_publication_leaves_a_complete_set(clone):
    names = sorted(snapshot(clone / "reports/acme"))
    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_PUBLISHING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    killed = done.stdout.splitlines()
    assert len(killed) > 50 and set(killed) == {f"1 {' '.join(names)}"}
    assert sorted(path.name for path in (clone / "reports").iterdir()) == ["acme"]


def test_a_run_killed_in_the_middle_leaves_the_last_set_and_the_next_run_is_as_ever(clone, shop, capsys):
    published, segments = snapshot(clone / "reports/acme"), shop.results / "segments.csv"
    small_clone.write_chapter(clone, "02_scoring", "import time; time.sleep(600)")
    with subprocess.Popen([sys.executable, "-u", "-m", "loyalty_helpers", "report", "acme"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        next(line for line in process.stdout if "02_scoring ..." in line)
        # now its old result is gone; soon the new one is there, and the chapter is not at its end
        while not segments.exists():
            assert process.poll() is None
        process.kill()
    assert snapshot(clone / "reports/acme") == published
    small_clone.write_chapter(clone, "02_scoring")
    assert report.build("acme") == 0
    assert ran(capsys.readouterr().out) == ["02_scoring"]


def test_an_ordinary_kernel_is_ended_before_a_stopped_run_lets_go(clone, shop):
    small_clone.write_chapter(clone, "02_scoring", """
import os, time
(shop.folder / "pid").write_text(str(os.getpid()))
time.sleep(600)""")
    with subprocess.Popen([sys.executable, "-u", "-m", "loyalty_helpers", "report", "acme"], text=True,
                          env=small_clone.environment(clone, LOYALTY_KERNELS="ordinary"),
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while not (shop.folder / "pid").exists() or not (shop.folder / "pid").read_text():
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        with pytest.raises(ProcessLookupError):
            os.kill(int((shop.folder / "pid").read_text()), 0)
        assert process.stderr.read() == "Stopped. The last complete report is as it was.\n"


# ---------------------------------------------------------------- the other verbs
def test_make_report_from_the_command_line(tmp_path):
    small_clone.make(tmp_path)
    done = small_clone.report(tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert ran(done.stdout) == ALL
    last = done.stdout.splitlines()[-1]
    assert last.startswith("5 of 5 chapters ran") and last.endswith("The report: reports/acme/index.html")


def test_refreshed_notebooks_are_executed_clean_and_quiet(sample):
    assert report.refresh_notebooks() == 0
    first = snapshot(sample / "notebooks")
    assert report.refresh_notebooks() == 0
    assert snapshot(sample / "notebooks") == first
    for name in ALL:
        fresh, kept = small_clone.chapter(name), nbformat.reads(first[f"{name}.ipynb"].decode(), as_version=4)
        assert [(cell.id, cell.source) for cell in kept.cells] == [(cell.id, cell.source) for cell in fresh.cells]
    assert b"2 rows" in first["01_data_prep.ipynb"] and not (sample / "reports/sample").exists()


def test_refreshing_refuses_a_path_of_this_machine(sample):
    small_clone.write_chapter(sample, "00_summary", "print(shop.folder)")
    with pytest.raises(UserError, match="00_summary: an output mentions"):
        report.refresh_notebooks()


def test_provenance_says_where_numbers_come_from(clone, shop):
    facts = report.provenance(shop)
    assert list(facts) == ["python", "packages", "commit", "parameters", "inputs", "fingerprint"]
    assert facts["inputs"] == {"orders.csv": report.sha256((shop.folder / "orders.csv").read_bytes()).hexdigest()}
    assert facts["commit"] == "unknown" and "pandas" in facts["packages"]
    git = ["git", "-C", str(clone), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    commit = report.provenance(shop)["commit"]
    assert len(commit) == 40
    (clone / "new").write_text("")
    assert report.provenance(shop)["commit"] == f"{commit}, changed"
