"""Takes each declaration of persons away in turn, and says how many of these losses the gate's tests notice.

    python tests/gate_mutations.py            (all; exits with 1 where one goes unnoticed)
    python tests/gate_mutations.py --list     (only says what would be taken away)

Declarations are what report/tables.py says of columns and tables (`persons`, `within`, `hits`), which nouns are persons
(core/findings.py), and every `Persons(...)` and `rests_on=...` of the package. Each is taken away in a copy of its own.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TESTS = ("conftest.py", "test_gate.py", "test_wording.py")
MAKERS = ("core/messages.py", "core/packed.py", "report/gate.py", "report/wording/__init__.py")  # who define the types


class Loss(NamedTuple):
    """A declaration that is taken away: bytes `start` to `end` of a file become `instead`."""

    path: Path
    line: int
    start: int
    end: int
    instead: bytes

    def __str__(self) -> str:
        text = (ROOT / self.path).read_bytes()[self.start:self.end].decode()
        return f"{self.path}:{self.line}: {' '.join(text.split())} -> {self.instead.decode()}"


def losses() -> Iterator[Loss]:
    """Everything that can be taken away, file by file."""
    package = ROOT / "loyalty_helpers"
    for path in sorted(package.rglob("*.py")):
        source, inside = path.read_bytes(), path.relative_to(package).as_posix()
        starts = [0]
        for line in source.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        for node in ast.walk(ast.parse(source)):
            for lost, instead in taken(node, inside):
                start, end = (starts[row - 1] + column for row, column in (
                    (lost.lineno, lost.col_offset), (lost.end_lineno, lost.end_col_offset)))
                put = instead if isinstance(instead, bytes) else b"(" + ast.get_source_segment(
                    source.decode(), instead).encode() + b")"
                yield Loss(path.relative_to(ROOT), lost.lineno, start, end, put)


def taken(node: ast.AST, inside: str) -> Iterator[tuple[ast.AST, ast.AST | bytes]]:
    """What of a node is lost, and what stands there then."""
    if inside == "report/tables.py" and isinstance(node, ast.keyword) and node.arg in ("persons", "within", "hits"):
        if isinstance(node.value, ast.Constant) and node.value.value is True:
            yield node.value, b"False"
        for one in getattr(node.value, "elts", ()):
            yield one, b"*()"
    if inside == "core/findings.py" and isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(
            node.value, ast.Dict) and ast.unparse(getattr(node, "target", None) or node.targets[0]) == "NOUNS":
        yield from ((flag, b"False") for flag in node.value.values if getattr(flag, "value", None) is True)
    if inside in MAKERS or not isinstance(node, ast.Call):
        return
    if getattr(node.func, "id", "") == "Persons" and node.args:
        yield node, node.args[0]
    yield from ((one.value, b"None") for one in node.keywords if one.arg == "rests_on")


def noticed(loss: Loss) -> bool:
    """Whether the gate's tests fail without the declaration."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        for name in ("loyalty_helpers", "notebooks"):
            shutil.copytree(ROOT / name, root / name, ignore=ignore)
        (root / "tests").mkdir()
        for name in TESTS:
            shutil.copy(ROOT / "tests" / name, root / "tests")
        shutil.copy(ROOT / "pyproject.toml", root)
        source = (root / loss.path).read_bytes()
        (root / loss.path).write_bytes(source[:loss.start] + loss.instead + source[loss.end:])
        work = multiprocessing.get_context("fork").Process(target=_run, args=(root,))
        work.start()
        work.join()
        return work.exitcode == 1  # tests failed; anything else is an error of this script


def _run(root: Path) -> None:
    import pytest

    os.chdir(root)
    sys.path[:0] = [str(root), str(root / "tests")]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in TESTS[1:])])
    os._exit(int(code))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true")
    asked, found, missed = parser.parse_args(), list(losses()), 0
    import hypothesis  # noqa: F401  (what the tests import, once for all of them)
    import matplotlib.pyplot  # noqa: F401
    import pandas  # noqa: F401
    import pytest  # noqa: F401

    for loss in found:
        caught = asked.list or noticed(loss)
        missed += not caught
        print("" if asked.list else "noticed " if caught else "MISSED  ", loss, sep="", flush=True)
    if not asked.list:
        print(f"{len(found) - missed} of {len(found)} noticed")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
