"""Where numbers come from: the fingerprints of inputs, settings, chapters and of the code that each chapter uses.

Contents, not times, so that a file removed counts as a change, and a copied clone as none.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loyalty_helpers.core.settings import Client, Source, UserError, matching
from loyalty_helpers.run import parameters, state

PACKAGE = Path(__file__).resolve().parents[1]
PACKAGES = ("loyalty-helpers", "pandas", "numpy", "scipy", "statsmodels", "scikit-learn", "duckdb", "narwhals",
            "seaborn", "matplotlib", "papermill", "nbconvert")
# what turns executed chapters into pages: a change here makes the pages due, not the chapters
PAGE_PARTS = ("report/html", "report/wording")
IMPORT = re.compile(r"^[ \t]*((?:from loyalty_helpers[\w.]* import|import loyalty_helpers)\b"
                    r"(?:[^\n(]*\([^)]*\)|[^\n]*))", re.MULTILINE)
DATA = (".csv", ".ftl", ".yml")


def provenance(client: Client) -> dict[str, Any]:
    """Where this client's numbers come from, for a reader who wants to have them again.

    python, packages (name -> version), commit ("unknown" outside a git clone, "..., changed" with local changes),
    parameters (those set per chapter), inputs (file -> SHA-256; a database has none: "read anew"),
    fingerprint (of all of it, the chapters included).
    """
    return {"python": python(), "packages": versions(), "commit": commit(state.root(client)),
            "parameters": client.chapters, "inputs": inputs(client), "fingerprint": fingerprints(client)["00_summary"]}


def fingerprints(client: Client) -> dict[str, str]:
    """Chapter -> SHA-256 of all it depends on: inputs, settings, its notebook and the modules that this uses.

    Raises UserError for a parameter in the settings that the chapter does not have, or of another type.
    """
    parameters.check(client)
    settings = asdict(replace(client, chapters={})) | {"folder": None}
    root = state.root(client)
    common = digest(inputs(client), settings, python(), versions(), file_digest(root / "requirements.lock"))
    prints: dict[str, str] = {}
    for name, chapter in state.CHAPTERS.items():
        cells = state.cells(client, name)
        sources = [[cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags")] for cell in cells]
        reads = {path: file_digest(root / path.format(client=client.key)) for path in chapter.reads}
        prints[name] = digest(common, sources, client.chapters.get(name), reads, _helpers(name, cells),
                              [prints[earlier] for earlier in chapter.after])
    return prints


def pages(prints: dict[str, str]) -> str:
    """The fingerprint of the pages: of their chapters, and of what renders them."""
    files = [path for part in PAGE_PARTS for path in sorted((PACKAGE / part).rglob("*.*")) if path.suffix != ".pyc"]
    return digest(prints, {path.relative_to(PACKAGE).as_posix(): file_digest(path) for path in files})


# ---------------------------------------------------------------- the code of a chapter
def _helpers(name: str, cells: list[dict]) -> dict[str, str]:
    """File -> SHA-256 of the modules that a chapter imports, directly or not, and of the data beside them.

    `chapters.open("02_scoring", ...)` imports the two modules of the chapter by their names. The room of the run is not
    followed: what the summary keeps of it, versions and inputs, counts already.
    """
    number = name.partition("_")[0]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    left = [*imports(code), *(f"loyalty_helpers.report.{part}.ch{number}" for part in ("chapters", "charts"))]
    found: dict[str, str] = {}
    while left:
        for file in _files(left.pop()):
            if file not in found and not file.startswith("run/"):
                found[file], further = _module(file)
                left += further
    for folder in {(PACKAGE / file).parent for file in found}:
        found |= _data(folder)
    return found


def imports(code: str) -> list[str]:
    """The dotted names that `code` imports of this package, wherever in it that is."""
    # only these statements are parsed: of whole modules it would take as long as all else of a run with nothing to do
    nodes = [node for found in IMPORT.finditer(code) for node in ast.parse(found[1]).body]
    return [".".join(filter(None, (getattr(node, "module", None), alias.name))) for node in nodes
            for alias in node.names]


def _files(dotted: str) -> Iterable[str]:
    """The files that are run when `dotted` is imported: the module, and each package on the way to it.

    The face of the whole package only shows what others have: it counts where one of its own names is asked for.
    """
    parts = dotted.split(".")[1:]
    places = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
    files = [file for place in places for file in (f"{place}/__init__.py", f"{place}.py") if (PACKAGE / file).exists()]
    return files or ["__init__.py"]


@cache
def _module(file: str) -> tuple[str, list[str]]:
    """Digest and imports of a module as this run began: its kernels have imported it, whatever becomes of it later."""
    content = (PACKAGE / file).read_bytes()
    return sha256(content).hexdigest(), imports(content.decode("utf-8"))


@cache
def _data(folder: Path) -> dict[str, str | None]:
    """The data of a package: all below it that lies in no package of its own."""
    found = {path.relative_to(PACKAGE).as_posix(): file_digest(path) for path in sorted(folder.iterdir())
             if path.suffix in DATA}
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not (inner / "__init__.py").exists():
            found |= _data(inner)
    return found


# ---------------------------------------------------------------- inputs
def inputs(client: Client) -> dict[str, str | None]:
    """The client's files by name, with their SHA-256; a database is "read anew". UserError for what cannot be read."""
    sources = [source for several in client.sources.values() for source in several]
    names = {path.relative_to(client.folder).as_posix(): path for path in sorted(_raw_files(client, sources))}
    bases = [urlsplit(source.database).path[1:] for source in sources if source.database]
    return {name: _input_digest(path, f"data/{client.key}/{name}") for name, path in names.items()} | {
        f"database {name}": "read anew" for name in bases}


def _raw_files(client: Client, sources: list[Source]) -> set[Path]:
    """The files that the sources name; the newest rows of a SQLite database may stand in one beside it."""
    try:
        paths = {path for source in sources for pattern in source.files for path in matching(client.folder, pattern)}
    except UserError as error:  # which begins with the name of the file
        raise UserError(f"data/{client.key}/{error}") from None
    return {path for one in paths for path in (one, one.with_name(f"{one.name}-wal")) if path.is_file()}


def _input_digest(path: Path, shown: str) -> str | None:
    try:
        return file_digest(path)
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror}. Copy or export it again, and see that you may read "
                        "it.") from None


def file_digest(path: Path) -> str | None:
    """SHA-256 of a file; None where there is none."""
    if not path.exists():
        return None
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest(*parts: Any) -> str:
    """SHA-256 of values that JSON can hold, whatever the order of keys."""
    return sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()


# ---------------------------------------------------------------- versions
def versions() -> dict[str, str]:
    """Name -> version of the packages that numbers or pictures may depend on."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def python() -> str:
    """Python's version: 3.11.7."""
    return ".".join(map(str, sys.version_info[:3]))


def commit(root: Path) -> str:
    """The commit of the clone in `root`, as `provenance` says."""
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout

    try:
        return git("rev-parse", "HEAD").strip() + (", changed" if git("status", "--porcelain").strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
