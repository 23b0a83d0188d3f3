"""`make test-fast SINCE=main`: prints the tests of the rooms that have changed since a commit, and those of the house.

A test belongs to the room that it is named after a module of, and to those it imports from; the ground (core) and the
shops it tries things on (lab) count where it imports nothing else. What is marked as slow is left to `make test`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "loyalty_helpers"
ALWAYS = ("tests/test_house.py", "tests/test_known_answers.py")


def chosen(changed: Iterable[str], tests: Mapping[str, str]) -> list[str]:
    """The tests to run after a change of these files; `tests` are path -> text. Paths are relative to the clone."""
    changed = set(changed)
    rooms = {path.split("/")[1] for path in changed if path.startswith(PACKAGE.name)}
    return sorted({*ALWAYS, *(path for path, text in tests.items() if path in changed or rooms & rooms_of(path, text))})


def rooms_of(path: str, text: str) -> set[str]:
    """The rooms that a test belongs to."""
    imported = {f"{node.module}.{alias.name}".split(".")[1] for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE.name)
                for alias in node.names}
    subject = Path(path).stem.removeprefix("test_")
    named = {file.relative_to(PACKAGE).parts[0] for file in PACKAGE.rglob(f"*/{subject}.py")}
    return named | (imported - {"core", "lab"} or imported - {"core"} or imported)


def since(commit: str) -> list[str]:
    """The files that differ from a commit, new ones included."""
    listed = (("diff", "--name-only", commit, "--"), ("ls-files", "--others", "--exclude-standard"))
    return [path for words in listed for path in subprocess.run(
        ["git", *words], cwd=TESTS.parent, capture_output=True, text=True, check=True).stdout.splitlines()]


if __name__ == "__main__":
    print(*chosen(since(sys.argv[1]), {f"tests/{path.name}": path.read_text(encoding="utf-8")
                                       for path in TESTS.glob("test_*.py")}))
