"""The catalogue and the code agree: every key exists and is used, with the facts it needs, and persons are typed."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import nbformat
import pytest
from fluent.syntax import ast as ftl
from fluent.syntax import parse
from fluent.syntax.visitor import Visitor

import loyalty_helpers
from loyalty_helpers.core.findings import GRADES, NOUNS, UNITS, Finding
from loyalty_helpers.core.messages import Listed, Message, Number, Persons, message
from loyalty_helpers.report.wording import catalogue, words

PACKAGE = Path(loyalty_helpers.__file__).parent
NOTEBOOKS = PACKAGE.parent / "notebooks"
SPEAKING = ("message", "Message", "text")  # what takes a key of the catalogue
WHO = "customer|member|joiner|buyer|regular|person|friend|answer|referral"
PERSON = re.compile(rf" (?!of )(?:[\w-]+ ){{0,2}}(?:{WHO})s?\b| people\b")
BOUNDS = {"least", "needed", "x"}  # numbers of persons nobody counted, and a finding, which the gate knows
# and single ones, by their keys: customers of simulated shops, and how many are drawn at most
NO_COUNTS = {("error-rates", "customers"), ("interval-tried", "drawn")}
PARTS = ("", "-label", "-interval", "-low", "-high", "-bounded", "-level", "-n", "-count", "-why", "-measurable",
         "-verdict", "-before", "-after", "-before-n", "-after-n", "-claim", "-covers-zero")


# ---------------------------------------------------------------- what stands in the catalogue
class Variables(Visitor):
    """The variables of an entry, and those that stand before a word for persons."""

    def __init__(self, entry: ftl.Message) -> None:
        self.found, self.persons = set(), set()
        self.visit(entry)

    def visit_VariableReference(self, node):
        self.found.add(node.id.name)

    def visit_Pattern(self, node):
        for one, after in zip(node.elements, node.elements[1:], strict=False):
            if (isinstance(one, ftl.Placeable) and isinstance(one.expression, ftl.VariableReference)
                    and isinstance(after, ftl.TextElement) and PERSON.match(after.value)):
                self.persons.add(one.expression.id.name)
        self.generic_visit(node)


def entries() -> Iterator[tuple[str, Variables]]:
    for path in sorted((PACKAGE / "report/wording/en").glob("*.ftl")):
        for one in parse(path.read_text(encoding="utf-8")).body:
            if isinstance(one, ftl.Message):
                yield one.id.name, Variables(one)


CATALOGUE = dict(entries())
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


# ---------------------------------------------------------------- what the code says
def calls() -> Iterator[tuple[str, ast.Call, ast.AST]]:
    """Every call that takes a key: where it stands, itself, and the function around it."""
    for path, tree in TREES.items():
        around = {inner: outer for outer in ast.walk(tree)
                  for inner in ast.walk(outer) if isinstance(outer, (ast.FunctionDef, ast.Module))}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SPEAKING and node.args:
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node, around[node]


CALLS = list(calls())


def keys(call: ast.Call) -> list[str]:
    """The keys that the call's first argument may be, those that stand there letter by letter."""
    first = call.args[0]
    both = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
    return [one.value for one in both if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def patterns() -> set[str]:
    """Keys made of parts, as regular expressions."""
    made = {node for _, call, _ in CALLS for node in ast.walk(call.args[0]) if isinstance(node, ast.JoinedStr)}
    made |= {node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
             and getattr(node.values[0], "value", "") in ("link-", "table-")}
    return {"".join(re.escape(part.value) if isinstance(part, ast.Constant) else "[a-z0-9-]+" for part in node.values)
            for node in made}


def names_in_notebooks() -> set[str]:
    """Texts in the code of the notebooks, as they stand in keys."""
    cells = [cell.source for path in NOTEBOOKS.rglob("*.ipynb") for cell in nbformat.read(path, as_version=4).cells
             if cell.cell_type == "code" and not cell.source.startswith(("%", "!"))]
    return {node.value.replace("_", "-") for cell in cells for node in ast.walk(ast.parse(cell))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_key_that_is_said_stands_in_the_catalogue():
    assert len(CALLS) > 60
    assert [(where, key) for where, call, _ in CALLS for key in keys(call) if key not in CATALOGUE] == []
    assert [key for key, n in Counter(key for key, _ in entries()).items() if n > 1] == []


def test_every_entry_of_the_catalogue_is_used():
    said = {node.value for tree in TREES.values() for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    made = re.compile("|".join(patterns() - {"table-[a-z0-9-]+"}))
    tables = {f"table-{name}" for name in names_in_notebooks()} if NOTEBOOKS.exists() else set()
    assert [key for key in CATALOGUE if key not in said | tables and not made.fullmatch(key)] == []


def test_facts_are_those_that_the_entry_takes():
    wrong = []
    for where, call, _ in CALLS:
        given = {one.arg for one in call.keywords}
        for key in set(keys(call)) & set(CATALOGUE):
            taken = CATALOGUE[key].found
            unknown = [fact for fact in given - {None} if not any(fact + part in taken for part in PARTS)]
            lacking = [name for name in taken if not any(name == fact + part for fact in given - {None}
                                                         for part in PARTS)]
            if len(keys(call)) > 1:  # two keys share the facts of the call
                unknown = []
            if unknown or (lacking and None not in given):
                wrong.append((where, key, unknown, lacking))
    assert wrong == []


TYPED = {"Persons", "Number", "percent", "lift", "share", "counted"}


def test_counts_before_a_word_for_persons_are_persons():
    """So that a count whose type is taken away is missed here, whatever the gate does."""
    untyped, typed = [], 0
    for where, call, around in CALLS:
        for key in set(keys(call)) & set(CATALOGUE):
            for fact in call.keywords:
                if fact.arg not in CATALOGUE[key].persons - BOUNDS or (key, fact.arg) in NO_COUNTS:
                    continue
                made = [fact.value] if not isinstance(fact.value, ast.Name) else [
                    node.value for node in ast.walk(around) if isinstance(node, ast.Assign)
                    and fact.value.id in {getattr(name, "id", "") for name in node.targets}]
                typed += 1
                # quantities are no counts; `counted` knows the nouns that are persons
                if not any(isinstance(node, ast.Call) and getattr(node.func, "id", "") in TYPED
                           for one in made for node in ast.walk(one)):
                    untyped.append((where, key, fact.arg))
    assert untyped == [] and typed


# ---------------------------------------------------------------- words
def test_names_that_code_makes_of_parts_all_have_an_entry():
    for noun in NOUNS:
        assert words(message(f"n-{noun.replace(' ', '-')}", n=1200)).startswith("1,200 ")
        assert words(message(f"n-{noun.replace(' ', '-')}", n=1)) == f"1 {noun}"
    assert all(catalogue.known(f"{kind}-{unit.replace(' ', '-')}") for unit in UNITS for kind in ("level", "change"))
    assert all(catalogue.known(f"grade-{grade.lower()}") for grade in GRADES)


@pytest.mark.parametrize(("fact", "said"), [
    (None, ""), ("as it is", "as it is"), (1200, "1200"), (Persons(7), "7"), (date(2025, 3, 3), "3 March 2025"),
    (Number(0.41, "share"), "41.0 %"), (Number(0.08, "share", signed=True), "+8.0 pp"),
    (Number(2.345, digits=1), "2.3"), (Number(-1250, "EUR", signed=True), "−€1,250"),
    (Number(0.999, "chance"), "over 99 %"),
    (Listed(("a", "b", "c")), "a, b, c"), (Listed(("a", "b", "c"), parted_by="series"), "a, b and c"),
    (Listed(("a",), parted_by="series"), "a"), (message("list-and"), " and "),
    (Finding(label="x", unit="days", estimate=3), "3 days"),
])
def test_facts_in_words(fact, said):
    assert words(fact) == said


def test_a_key_or_a_fact_that_is_not_there_is_an_error():
    with pytest.raises(KeyError, match="no message 'nonsense'"):
        words(Message("nonsense"))
    with pytest.raises(KeyError, match="'n-customer' lacks a fact"):
        words(message("n-customer"))


def test_an_entry_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "en").mkdir()
    (tmp_path / "en/bad.ftl").write_text("key = { $n -> [one] a *[other] b }\n")  # variants want lines of their own
    monkeypatch.setattr(catalogue, "HERE", tmp_path)
    with pytest.raises(ValueError, match=r"bad\.ftl cannot be read: key"):
        catalogue._bundle.__wrapped__("en")
