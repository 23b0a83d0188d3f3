"""The set-up: one list of dependencies in three files, make's verbs, and which environment make takes."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
import yaml

from loyalty_helpers.client import CLONE

# where conda-forge calls it differently
CONDA_NAMES = {"duckdb": "python-duckdb", "tzdata": "python-tzdata", "phonenumberslite": "phonenumbers"}
BAD_KEYS = ["../x", "a b", "a.b", "", "-h", "a/b"]


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess:
    """The finished command, in `folder`, with no environment active but the `variables` given."""
    kept = {name: value for name, value in os.environ.items()
            if name not in ("VIRTUAL_ENV", "CONDA_PREFIX", "CLIENT", "MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(command, cwd=folder, env=kept | variables, capture_output=True, text=True)


@pytest.fixture(scope="module")
def dependencies() -> list[str]:
    return tomllib.loads((CLONE / "pyproject.toml").read_text())["project"]["dependencies"]


@pytest.fixture
def clone(tmp_path) -> Path:
    """The Makefile and the package, with a .venv that passes everything on to this test's own Python."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(CLONE / name, tmp_path)
    package = tmp_path / "loyalty_helpers"
    shutil.copytree(CLONE / package.name, package, ignore=shutil.ignore_patterns("__pycache__"))
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / ".venv" / ".ready").touch()
    return tmp_path


def split(requirement: str) -> tuple[str, str]:
    """"pandas>=3" -> ("pandas", ">=3")."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
    return name, requirement[len(name):]


def has_package(environment: Path, clone: Path) -> None:
    """Make a real environment in which the package of `clone` is installed, editable."""
    venv.create(environment, symlinks=True, clear=True)
    site = next(environment.glob("lib/python*/site-packages"))
    (site / "loyalty.pth").write_text(f"{clone}\n")  # what an editable install leaves


def test_conda_installs_what_pip_installs(dependencies):
    conda = yaml.safe_load((CLONE / "environment.yml").read_text())["dependencies"]
    listed = [entry for entry in conda if isinstance(entry, str)]
    expected = [CONDA_NAMES.get(name, name) + limits for name, limits in map(split, dependencies)]
    assert sorted(listed) == sorted([*expected, "python=3.12", "pip", "make"])
    assert {"pip": ["-e ."]} in conda


def test_the_lock_pins_every_dependency_with_hashes(dependencies):
    lock = (CLONE / "requirements.lock").read_text()
    pinned = dict(re.findall(r"^([a-z0-9._-]+)==([0-9][^ ;]*)", lock, re.MULTILINE))
    for name, limits in map(split, dependencies):
        least = re.fullmatch(r"(?:>=(\d+))?", limits)[1]
        assert name in pinned, f"{name} is not in the lock: make lock"
        assert int(pinned[name].split(".")[0]) >= int(least or 0), f"{name} is too old in the lock: make lock"
    requirements = re.split(r"\n(?=\S)", lock.strip())
    assert all("--hash=sha256:" in requirement for requirement in requirements)
    assert "://" not in lock


def test_help_lists_every_verb_and_is_the_default(clone):
    shown = run(["make"], clone)
    assert shown.stdout == run(["make", "help"], clone).stdout
    verbs = re.findall(r"^  make (\w+) +\S", shown.stdout, re.MULTILINE)
    makefile = (clone / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)", makefile, re.MULTILINE)[1].split()
    assert sorted(verbs) == sorted(set(phony) - {"lock"})  # lock is for maintainers
    assert {"report", "check", "new", "lab", "test", "sample", "notebooks", "bench", "clean", "help"} <= set(verbs)


@pytest.mark.parametrize(("verb", "key"), [("report", "../x"), ("check", "../x"), *(("new", key) for key in BAD_KEYS)])
def test_make_refuses_a_client_that_is_no_folder_name(clone, verb, key):
    done = run(["make", verb, f"CLIENT={key}"], clone)
    assert done.returncode != 0
    assert "cannot name a client" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (clone / "data").exists()


@pytest.mark.parametrize("key", ["../outside", "a b", ""])
def test_clean_touches_nothing_outside(clone, key):
    outside = clone / "outside" / "prepared"
    outside.mkdir(parents=True)
    assert run(["make", "clean", f"CLIENT={key}"], clone).returncode != 0
    assert outside.is_dir()
    assert (clone / ".venv").is_dir()


def test_clean_keeps_raw_files(clone):
    folder = clone / "data" / "acme"
    (folder / "prepared").mkdir(parents=True)
    (folder / "client.yml").touch()
    assert run(["make", "clean", "CLIENT=acme"], clone).returncode == 0
    assert [path.name for path in folder.iterdir()] == ["client.yml"]


def test_a_second_call_does_no_set_up(clone):
    assert run(["make", "-n", "report"], clone).stdout == '.venv/bin/python -m loyalty_helpers report -- "$CLIENT"\n'


def test_a_new_lock_is_installed_before_the_next_report(clone):
    ready = clone / ".venv" / ".ready"
    has_package(clone / ".venv", clone)
    ready.touch()
    os.utime(ready, (0, 0))
    assert "uv pip sync" in run(["make", "-n", "report"], clone).stdout
    active = {"VIRTUAL_ENV": str(clone / ".venv"), "PATH": f"{clone / '.venv' / 'bin'}:{os.environ['PATH']}"}
    assert "uv pip sync" in run(["make", "-n", "report"], clone, **active).stdout


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_an_active_environment_is_used_if_it_has_this_package(clone, tmp_path_factory, variable):
    own = tmp_path_factory.mktemp("own")
    active = {variable: str(own), "PATH": f"{own / 'bin'}:{os.environ['PATH']}"}
    has_package(own, CLONE)
    assert run(["make", "-n", "report"], clone, **active).stdout.startswith(".venv/bin/python ")
    has_package(own, clone)
    assert run(["make", "-n", "report"], clone, **active).stdout.startswith("python -m loyalty_helpers")


def test_an_old_python_is_named_with_a_remedy(clone):
    old = clone / "old" / "python3"
    old.parent.mkdir()
    pretend = "import sys; sys.version_info = (3, 9, 6); exec(sys.argv[1])"
    old.write_text(f"""#!/bin/sh
        if [ "$1" = --version ]; then echo Python 3.9.6; else exec "{sys.executable}" -c "{pretend}" "$2"; fi""")
    old.chmod(0o755)
    shutil.rmtree(clone / ".venv")
    done = run(["make", "report"], clone, PATH=f"{old.parent}:{os.environ['PATH']}")
    assert "Python 3.11 or later is needed" in done.stderr
    assert "Python 3.9.6" in done.stderr
    assert not (clone / ".venv").exists()


def test_the_command_line_says_errors_plainly(tmp_path):
    done = run([sys.executable, "-m", "loyalty_helpers", "check", "acme"], CLONE, LOYALTY_ROOT=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("There is no client 'acme'")
    assert "Traceback" not in done.stderr
    made = run([sys.executable, "-m", "loyalty_helpers", "new", "acme"], CLONE, LOYALTY_ROOT=str(tmp_path))
    assert (made.returncode, made.stderr) == (0, "")
    assert "data/acme/client.yml" in made.stdout
    assert (tmp_path / "data" / "acme" / "client.yml").is_file()


def test_ci_starts_clean_and_passes_the_result_on(clone):
    (clone / ".ci").mkdir()
    shutil.copy(CLONE / ".ci" / "run", clone / ".ci" / "run")
    tools = clone / "tools"
    tools.mkdir()
    for name, says in {"chromium": "exit 0", "make": 'echo "make $* CI=$CI venv=$VIRTUAL_ENV"; exit 3'}.items():
        (tools / name).write_text(f"#!/bin/sh\n{says}\n")
        (tools / name).chmod(0o755)
    done = run([str(clone / ".ci" / "run")], tools, PATH=f"{tools}:{os.environ['PATH']}", VIRTUAL_ENV="/somewhere")
    assert done.returncode == 3
    assert done.stdout == "make test CI=true venv=\n"
    assert not (clone / ".venv").exists()
