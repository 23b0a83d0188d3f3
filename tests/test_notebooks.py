"""The chapters as documents: one skeleton, thin cells, executed, and nothing of this machine in them."""

from __future__ import annotations

import ast
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
STUDY = NOTEBOOKS[0].parent / "validation" / "validation.ipynb"
SKELETON = ["answer", "evidence", "what this does not show", "how we know"]


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def headings(path: Path) -> list[tuple[int, str]]:
    text = "\n".join(source(cell) for cell in cells(path) if cell["cell_type"] == "markdown")
    return [(len(marks), words) for marks, words in re.findall(r"^(#+) (.+)$", text, re.M)]


def test_the_chapters_are_there():
    assert [path.stem for path in NOTEBOOKS] == [
        "00_summary", "01_data_prep", "02_scoring", "02b_customers_in_depth", "03_case_study_comparison",
        "04_program_evaluation",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestEachChapter:
    def test_asks_one_question_and_skips_no_level(self, path):
        levels = [level for level, _ in headings(path)]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert headings(path)[0][1].endswith("?")

    def test_has_the_skeleton_in_order(self, path):
        found = [words.lower().removeprefix("the ") for level, words in headings(path) if level == 2]
        without = {"00_summary": "evidence", "02b_customers_in_depth": "answer"}  # an appendix answers nothing itself
        wanted = [part for part in SKELETON if part != without.get(path.stem)]
        assert [part for part in found if part in wanted] == wanted

    def test_begins_with_title_imports_parameters_loading(self, path):
        first = cells(path)[:4]
        assert [cell["cell_type"] for cell in first] == ["markdown", "code", "code", "code"]
        assert all(isinstance(step, ast.Import | ast.ImportFrom) for step in ast.parse(source(first[1])).body)
        assert first[2]["metadata"]["tags"] == ["parameters"]
        assert all(re.fullmatch(r"\w+: \w+ = .+  # .+", line) for line in source(first[2]).splitlines())
        opened = f'chapters.open("{path.stem}", client)'
        assert opened in source(first[3]) or "load_client(client)" in source(first[3])

    def test_has_thin_cells_and_defines_nothing(self, path):
        code = [source(cell) for cell in cells(path) if cell["cell_type"] == "code"]
        lengths = sorted(len(text.splitlines()) for text in code)
        assert lengths[-1] <= 15
        assert lengths[len(lengths) // 2] < 5
        assert not any(re.search(r"^\s*(def|class|lambda) ", text, re.M) for text in code)
        assert "../" not in "".join(code)

    def test_has_at_most_25_code_cells_and_imports_at_most_five_names(self, path):
        if path.stem == "01_data_prep":
            pytest.skip("which has no page yet")
        code = [ast.parse(source(cell)) for cell in cells(path) if cell["cell_type"] == "code"]
        named = [alias for cell in code for node in ast.walk(cell) if isinstance(node, ast.Import | ast.ImportFrom)
                 for alias in node.names]
        assert len(code) <= 25 and len(named) <= 5

    def test_never_leaves_three_code_cells_without_a_sentence(self, path):
        kinds = [cell["cell_type"] for cell in cells(path)][4:]
        runs = "".join("c" if kind == "code" else "m" for kind in kinds)
        assert "ccc" not in runs


@pytest.mark.parametrize("path", [*NOTEBOOKS, STUDY], ids=lambda path: path.stem)
def test_is_executed_without_errors_or_warnings(path):
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]


@pytest.mark.parametrize("path", [*NOTEBOOKS, STUDY], ids=lambda path: path.stem)
def test_names_no_place_of_the_machine_it_ran_on(path):
    assert not re.search(r"(?<![\w.:])/(home|root|work|Users|tmp)/", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [*NOTEBOOKS, STUDY], ids=lambda path: path.stem)
def test_has_charts_with_alt_texts(path):
    pictures = [
        output["metadata"].get(kind, {})
        for cell in cells(path) if cell["cell_type"] == "code"
        for output in cell["outputs"]
        for kind in output.get("data", {}) if kind.startswith("image/")
    ]
    assert all(len(picture.get("alt", "")) > 20 for picture in pictures)
    assert pictures or path.stem.startswith("99")
