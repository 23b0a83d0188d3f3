"""Apply recorded breaks one at a time to a tree and see whether its tests notice.

    python run.py TREE PYTHON BREAKS.json [--only C01,I02] [--again] [--check] [--rounds 1]

TREE      root of a clone (package loyalty_helpers, tests in tests/, also nested)
PYTHON    the interpreter whose environment imports that tree's package
BREAKS    list of {id, room, file, old, new, meaning, tests, wider, caught, by, ran, at}; results are written as they come
--again   run also those with a result; --first runs only `tests`, a later --widen goes on with `wider` for those not
          caught (without either, both at once); --check only says where each break would go, --verify runs the catching tests
          on the unbroken tree (all must pass).

Where `old` is not exactly once in `file`, it is searched in the whole package with all whitespace ignored, and must be
there exactly once. Test files are found by name anywhere below tests/. Files are always restored, with their times.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

TIMEOUT = 300
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?: - .*)?$", re.MULTILINE)


def package(tree: Path) -> Path:
    return tree / "loyalty_helpers"


def loose(snippet: str) -> re.Pattern:
    return re.compile(r"\s*".join(re.escape(sign) for sign in snippet if not sign.isspace()))


def place(tree: Path, one: dict) -> tuple[Path, str, str]:
    """The file that a break belongs to, its text, and the broken text; by its `elsewhere` where it is not there."""
    for other in one.get("elsewhere", []):
        try:
            return place(tree, {name: one[name] for name in ("id", "file", "old", "new")})
        except LookupError:
            return place(tree, {name: one[name] for name in ("id", "file")} | other)
    path = tree / one["file"]
    if path.exists():
        text = path.read_bytes().decode()
        if text.count(one["old"]) == 1:
            return path, text, text.replace(one["old"], one["new"])
    pattern, hits = loose(one["old"]), []
    for other in sorted(package(tree).rglob("*.py")):
        text = other.read_bytes().decode()
        hits += [(other, text, found.span()) for found in pattern.finditer(text)]
    if len(hits) != 1:
        raise LookupError(f"{one['id']}: {len(hits)} places: {[str(hit[0]) for hit in hits]}")
    other, text, (start, end) = hits[0]
    return other, text, text[:start] + one["new"] + text[end:]


def test_files(tree: Path, names: list[str]) -> tuple[list[str], list[str]]:
    found, lacking = [], []
    for name in names:
        exact, base = tree / name, Path(name).name
        paths = [exact] if exact.exists() else sorted((tree / "tests").rglob(base))
        found += [str(path.relative_to(tree)) for path in paths]
        lacking += [] if paths else [name]
    return found, lacking


def pytest(tree: Path, python: str, tests: list[str], *more: str) -> tuple[str, str | None, str]:
    """("passed" | "failed" | "timeout" | "broken", first failing test, end of the output)"""
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    command = ["nice", "-n", "10", python, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *more, *tests]
    process = subprocess.Popen(command, cwd=tree, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               start_new_session=True)
    try:
        out, _ = process.communicate(timeout=TIMEOUT)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)  # our own group only
        out, _ = process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return "timeout", None, out[-600:]
    name = FAILED.search(out)
    state = {0: "passed", 1: "failed"}.get(process.returncode, "failed" if name else "broken")
    return state, name[1] if name else None, out[-600:]


def run(tree: Path, python: str, one: dict, wide: str) -> None:
    path, text, broken = place(tree, one)
    compile(broken, str(path), "exec")
    times = path.stat()
    one |= {"caught": False, "by": None, "ran": one.get("ran", []) if wide == "only" else [],
            "at": str(path.relative_to(tree))}
    started = time.time()
    try:
        path.write_bytes(broken.encode())
        done = {words.rpartition(": ")[0] for words in one["ran"]}
        for name in dict.fromkeys([*one["tests"], *(one.get("wider", []) if wide else [])]):
            if name in done:
                continue
            files, lacking = test_files(tree, [name])
            if lacking:
                one["ran"].append(f"{name}: not there")
                continue
            state, by, end = pytest(tree, python, files)
            one["ran"].append(f"{name}: {state}")
            if state == "broken":
                one.setdefault("odd", []).append(end)
            if state == "failed":
                one |= {"caught": True, "by": by}
                break
    finally:
        path.write_bytes(text.encode())
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    if not any(words.endswith((": passed", ": failed")) for words in one["ran"]):
        one["caught"] = None  # nothing was tried
    one["seconds"] = round(one.get("seconds", 0.0) * (wide == "only") + time.time() - started, 1)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("tree", type=Path)
    asked.add_argument("python")
    asked.add_argument("breaks", type=Path)
    asked.add_argument("--only", default="")
    for name in ("--again", "--first", "--widen", "--check", "--verify"):
        asked.add_argument(name, action="store_true")
    given = asked.parse_args()
    tree, breaks = given.tree.resolve(), json.loads(given.breaks.read_text())
    only = set(filter(None, given.only.split(",")))
    for one in breaks:
        if only and one["id"] not in only:
            continue
        if given.check:
            try:
                path, _, broken = place(tree, one)
                compile(broken, str(path), "exec")
                print(one["id"], path.relative_to(tree), *test_files(tree, [*one["tests"], *one.get("wider", [])])[1])
            except (LookupError, SyntaxError) as error:
                print("NOT THERE", error)
            continue
        if given.verify:
            if one["caught"] and one["by"]:
                state, by, end = pytest(tree, given.python, [one["by"]])
                one["unbroken"] = state
                print(one["id"], state, one["by"], end if state != "passed" else "", flush=True)
                given.breaks.write_text(json.dumps(breaks, indent=1, ensure_ascii=False) + "\n")
            continue
        if not (one.get("caught") is False if given.widen else one.get("caught") is None or given.again):
            continue
        try:
            run(tree, given.python, one, "" if given.first else "only" if given.widen else "both")
        except (LookupError, SyntaxError) as error:
            one |= {"caught": None, "by": None, "ran": [f"not applied: {error}"]}
        given.breaks.write_text(json.dumps(breaks, indent=1, ensure_ascii=False) + "\n")
        print(one["id"], one["caught"], one["by"], one["ran"], one.get("seconds"), flush=True)


if __name__ == "__main__":
    sys.exit(main())
