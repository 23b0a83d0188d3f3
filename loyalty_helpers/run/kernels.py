"""Kernels that are ready at once: forked from one warm process that has imported the heavy libraries already.

    this process ──starts──> warm process: imports, then waits on one Unix socket; no thread, no other socket
    papermill ──starts──> stub (a few lines) ──asks──> warm process ──forks──> the kernel

Nobody outlives anybody: the stub ends with its kernel and takes the kernel along when it is killed (its connection
closes), kernels die with the warm process (the system sees to it), and that ends when this process does (a pipe
closes). Only on Linux; elsewhere, and with LOYALTY_KERNELS=ordinary in the environment, kernels are ordinary ones.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from unittest.mock import patch

# one thread per kernel (two run at a time; small fits are many times faster so), pictures without a screen, the same
# order of sets in every run, no thread in the warm process (Arrow's allocator would start one), no word of the debugger
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    "PYTHONHASHSEED": "0",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
# what kernels would import at first use, each anew, ahead of the rooms of this package and what they import
KERNEL = (
    "ipykernel.kernelapp", "ipykernel.debugger", "IPython.core.completerlib", "IPython.extensions.storemagic",
    "matplotlib.backends.backend_svg", "pyarrow.dataset",
)
NOT_IN_KERNELS = tuple(f"loyalty_helpers.{name}" for name in ("__main__", "run", "onboarding", "lab", "report.html"))
STUB = """\
import json, os, socket, sys
warm = socket.socket(socket.AF_UNIX)
try:
    warm.connect(sys.argv[1])
    warm.sendall(json.dumps([os.getcwd(), sys.argv[2:]]).encode() + b"\\n")
    os._exit(int(warm.recv(16) or 1) & 255)
except OSError:  # the run is over, and the warm process with it
    os._exit(1)
"""
PR_SET_PDEATHSIG = 1


def can_fork() -> bool:
    """Whether kernels are forked here: on Linux, unless LOYALTY_KERNELS=ordinary."""
    return sys.platform == "linux" and os.environ.get("LOYALTY_KERNELS") != "ordinary"


@contextmanager
def kernels() -> Iterator[None]:
    """While this is open, the kernel "python3" that this process starts is a warm one (an ordinary one elsewhere).

    Neither reads the user's own IPython start-up files. Connection files and sockets live in a temporary folder.
    """
    with tempfile.TemporaryDirectory(prefix="loyalty-", ignore_cleanup_errors=True) as folder:
        paths = {"IPYTHONDIR": f"{folder}/ipython", "JUPYTER_RUNTIME_DIR": f"{folder}/runtime",
                 "JUPYTER_PATH": os.pathsep.join(filter(None, [folder, os.environ.get("JUPYTER_PATH")]))}
        with patch.dict(os.environ, ENVIRONMENT | paths):
            # set by a notebook server that this process may have been started from: not our kernels' parent
            os.environ.pop("JPY_PARENT_PID", None)
            if not can_fork():
                _write_kernelspec(Path(folder), ["-m", "ipykernel_launcher"])
                yield
                return
            with _warm_process(Path(folder) / "socket") as address:
                _write_kernelspec(Path(folder), ["-S", "-E", "-c", STUB, address, "--IPKernelApp.parent_handle=1"])
                yield


def end() -> None:
    """End what this process started, kernels of every kind, before anything else is let go."""
    import psutil

    started = psutil.Process().children(recursive=True)
    for process in started:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(started, timeout=5)


@contextmanager
def _warm_process(address: Path) -> Iterator[str]:
    with socket.socket(socket.AF_UNIX) as listener:
        # bound here, so that stubs can connect while the warm process is still importing
        listener.bind(str(address))
        listener.listen()
        lifeline, held = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "loyalty_helpers.run.kernels", str(listener.fileno()), str(lifeline)],
            pass_fds=(listener.fileno(), lifeline), stdin=subprocess.DEVNULL, start_new_session=True)
    os.close(lifeline)
    try:
        yield str(address)
    finally:
        process.kill()
        process.wait()
        os.close(held)


def _write_kernelspec(folder: Path, command: list[str]) -> None:
    argv = [sys.executable, *command, "-f", "{connection_file}", "--log-level=CRITICAL"]
    spec = {"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python", "interrupt_mode": "message"}
    path = folder / "kernels" / "python3" / "kernel.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(spec), encoding="utf-8")


# ---------------------------------------------------------------- in the warm process
def serve(listener: socket.socket, lifeline: int) -> None:
    """Import, and fork a kernel for every stub that asks, until the process that holds the lifeline is gone."""
    # imports make nothing that must be collected, and run a sixth faster if nobody looks
    gc.disable()
    # a selector without a file of its own, which every kernel would inherit
    with selectors.PollSelector() as events:
        events.register(lifeline, selectors.EVENT_READ, sys.exit)
        events.register(listener, selectors.EVENT_READ, partial(_fork, listener, events))
        for module in _modules():
            # a room that cannot be imported is reported by the chapter that needs it
            with suppress(Exception):
                importlib.import_module(module)
        while True:
            for key, _ in events.select():
                # one answer may have closed the next one's file
                if key.fileobj in events.get_map():
                    key.data()


def _modules() -> Iterator[str]:
    yield from KERNEL
    package = Path(__file__).resolve().parents[1]
    for module in pkgutil.walk_packages([str(package)], "loyalty_helpers."):
        if not module.name.startswith(NOT_IN_KERNELS):
            yield module.name


def _fork(listener: socket.socket, events: selectors.BaseSelector) -> None:
    stub, _ = listener.accept()
    request = stub.makefile().readline()
    if not request:
        return
    gc.freeze()
    warm, pid = os.getpid(), os.fork()
    if pid == 0:
        _close_all([stub, *(key.fileobj for key in events.get_map().values())])
        _become_kernel(warm, *json.loads(request))
    with suppress(OSError):
        os.setpgid(pid, pid)  # here and in the kernel: whoever comes first
    ending = os.pidfd_open(pid)
    events.register(stub, selectors.EVENT_READ, partial(_abandon, pid, stub, events))
    events.register(ending, selectors.EVENT_READ, partial(_bury, pid, stub, ending, events))


def _abandon(pid: int, stub: socket.socket, events: selectors.BaseSelector) -> None:
    """The stub is gone: so must be its kernel, and what the kernel started."""
    events.unregister(stub)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _bury(pid: int, stub: socket.socket, ending: int, events: selectors.BaseSelector) -> None:
    """The kernel is gone: tell its stub the exit code."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError):
        stub.sendall(str(code).encode())
    if stub in events.get_map():
        events.unregister(stub)
    events.unregister(ending)
    _close_all([stub, ending])


def _close_all(files: list[socket.socket | int]) -> None:
    for file in files:
        os.close(file) if isinstance(file, int) else file.close()


def _become_kernel(warm: int, folder: str, arguments: list[str]) -> None:
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != warm:
        os._exit(1)
    gc.enable()
    os.chdir(folder)
    sys.argv = ["kernel", *arguments]
    from ipykernel.kernelapp import IPKernelApp

    code = 1
    try:
        IPKernelApp.launch_instance(arguments)
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
