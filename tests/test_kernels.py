"""Kernels forked from one warm process: each begins clean, and none outlives what started it."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from loyalty_helpers.run import kernels
from loyalty_helpers.run.build import execute

pytestmark = pytest.mark.skipif(not kernels.can_fork(), reason="kernels are forked on Linux only")
WHO = "import os, json; print(json.dumps([os.getpid(), os.getppid()]))"
# a process of its own, as `make report` is, that runs one long cell and says who is who
LONG_RUN = f"""
import nbformat, sys
from nbclient import NotebookClient
from loyalty_helpers.run import kernels
with kernels.kernels():
    cell = nbformat.v4.new_code_cell('''{WHO}
with open(r"OUT", "w") as file:
    json.dump([os.getpid(), os.getppid()], file)
import time; time.sleep(600)''')
    NotebookClient(nbformat.v4.new_notebook(cells=[cell]), kernel_name="python3").execute()
"""


@pytest.fixture(scope="module", autouse=True)
def warm():
    with kernels.kernels():
        yield


def run(*cells: str) -> list:
    """The output texts of `cells`, run in a kernel of their own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3").execute()
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]


def alive(pid: int) -> bool:
    with suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def wait_until(condition, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(held)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_kernels_are_forked_from_one_process_that_has_imported_the_helpers():
    (kernel, parent), (other, same) = (json.loads(run(WHO)[0]) for _ in range(2))
    assert kernel != other and parent == same and parent in children(os.getpid())
    assert run("import sys; print('loyalty_helpers.report.charts.marks' in sys.modules)") == ["True\n"]


def test_each_kernel_begins_clean():
    look = ("import os, sys, pandas as pd\nprint('leak' in globals(), 'LEAK' in os.environ, "
            "pd.get_option('display.max_rows') == 7, sys.argv[0], os.getcwd(), len(sys.modules))")
    first = run(look, "leak = 1; os.environ['LEAK'] = '1'; pd.set_option('display.max_rows', 7); os.chdir('/')\n"
                      "import wave")
    second = run(look)
    assert first[0] == second[0] and first[0].startswith("False False False")


def test_kernels_run_with_one_thread_of_algebra_and_without_a_screen():
    assert run("import matplotlib; print(matplotlib.get_backend(), os.environ['OPENBLAS_NUM_THREADS'])"
               .replace("import matplotlib", "import os, matplotlib")) == ["agg 1\n"]


def test_the_folder_that_the_client_asks_for_is_the_kernels_folder(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import os; print(os.getcwd())")])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert notebook.cells[0].outputs[0]["text"] == f"{tmp_path}\n"


@pytest.mark.filterwarnings("error")
def test_a_notebook_executed_in_a_thread_leaves_no_loop_and_no_socket_open(tmp_path):
    kernelspec = {"display_name": "Python 3", "name": "python3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")], metadata={"kernelspec": kernelspec})
    nbformat.write(notebook, tmp_path / "in.ipynb")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(execute, tmp_path / "in.ipynb", tmp_path / "out.ipynb").result()
    gc.collect()  # what was left open is warned of here, and a warning in a finalizer fails the test
    assert nbformat.read(tmp_path / "out.ipynb", 4).cells[0].outputs[0]["data"]["text/plain"] == "2"


def test_nothing_is_left_of_a_kernel_that_ended():
    kernel, warm = json.loads(run(WHO)[0])
    assert wait_until(lambda: not alive(kernel)) and wait_until(lambda: kernel not in children(warm))


def test_a_kernel_that_dies_is_noticed():
    with pytest.raises(DeadKernelError):
        run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")


def test_a_kernel_goes_with_its_stub_and_with_all_it_started():
    cell = ("import os, subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
            "print(os.getpid(), child.pid, flush=True)")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    client = NotebookClient(notebook, kernel_name="python3")
    with client.setup_kernel():
        client.execute_cell(notebook.cells[0], 0)
        kernel, grandchild = map(int, notebook.cells[0].outputs[0]["text"].split())
        assert alive(kernel) and alive(grandchild)
        os.kill(client.km.provisioner.pid, signal.SIGKILL)
        assert wait_until(lambda: not alive(kernel) and not alive(grandchild))


@pytest.mark.parametrize("victim", ["run", "warm process"])
def test_nobody_is_left_behind_when_a_process_is_killed(victim, tmp_path):
    out, package = tmp_path / "who.json", tmp_path / "loyalty_helpers"
    (package / "run").mkdir(parents=True)  # a package of this one module is warm sooner
    shutil.copy(kernels.__file__, package / "run")
    process = subprocess.Popen([sys.executable, "-c", LONG_RUN.replace("OUT", str(out))], stderr=subprocess.DEVNULL,
                               env=os.environ | {"PYTHONPATH": str(tmp_path)})
    family = set()
    try:
        assert wait_until(lambda: out.exists() and out.read_text())
        kernel, warm = json.loads(out.read_text())
        family = {kernel, warm, *children(process.pid)}
        assert len(family) == 3 and all(map(alive, family))  # the kernel, the warm process, the stub
        os.kill(process.pid if victim == "run" else warm, signal.SIGKILL)
        assert wait_until(lambda: not any(map(alive, family)))
    finally:
        process.kill()
        process.wait()
        for left in filter(alive, family):
            os.kill(left, signal.SIGKILL)


def test_the_warm_process_starts_no_thread():
    _, warm = json.loads(run(WHO)[0])  # which forks a kernel when it has imported everything
    assert len(os.listdir(f"/proc/{warm}/task")) == 1


def test_ordinary_kernels_on_request(monkeypatch):
    monkeypatch.setenv("LOYALTY_KERNELS", "ordinary")
    with kernels.kernels():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(WHO)])
        NotebookClient(notebook, kernel_name="python3").execute()
    parent = json.loads(notebook.cells[0].outputs[0]["text"])[1]
    assert parent == os.getpid()


def test_the_environment_is_as_before_afterwards():
    before = dict(os.environ)
    with kernels.kernels():
        assert os.environ["PYTHONHASHSEED"] == "0"
    assert dict(os.environ) == before


def test_a_stub_whose_warm_process_is_gone_goes_quietly(tmp_path):
    place = str(tmp_path / "warm")

    def ask() -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-c", kernels.STUB, place], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)

    assert ask().communicate(timeout=30) == (b"", None)  # nobody listens
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen()
        stub = ask()
        listener.accept()[0].close()  # what was asked is left unread: the connection is reset
    assert stub.communicate(timeout=30) == (b"", None) and stub.returncode == 1
