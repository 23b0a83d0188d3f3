"""What the machine may do to a run: another run of the same client, a full disk, too little memory.

Only the standard library and `client` are imported: a run that finds nothing to do must end at once.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .client import ROOT, Client
from .core.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_MEMORY = "The computer ran out of memory. Close other programs and try again."
BEYOND_THE_WORDS = 1 << 20  # the byte that is locked: Windows lets nobody read a byte that is


# ---------------------------------------------------------------- one run of a client at a time
@contextmanager
def only_run(client: Client) -> Iterator[None]:
    """Keep every other run that changes this client's tables or reports away while this is open.

    UserError, which says since when and by which process, where one is under way. The system ends the lock with the
    process, however that ends, so that no lock is ever stale; data/<client>/prepared/.lock itself stays.
    """
    client.prepared.mkdir(parents=True, exist_ok=True)
    with (client.prepared / ".lock").open("a+", encoding="utf-8") as file:
        try:
            _lock(file.fileno())
        except OSError:
            file.seek(0)
            holder = file.read(60).strip() or "just now"
            raise UserError(f"A run of '{client.key}' is under way {holder}: wait until it has ended.") from None
        file.truncate(0)
        file.write(f"since {time.strftime('%H:%M')} (process {os.getpid()})")
        file.flush()
        yield
        file.truncate(0)


def _lock(file: int) -> None:
    if sys.platform == "win32":
        import msvcrt
        os.lseek(file, BEYOND_THE_WORDS, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


# ---------------------------------------------------------------- in words
def words(error: OSError | MemoryError) -> str:
    """What the system refused, for the person at the keyboard: which file, why, and what to do."""
    if isinstance(error, MemoryError):
        return NO_MEMORY
    name = _shown(error.filename)
    if error.errno in FULL:
        return f"The disk is full{f': {name} could not be written' if name else ''}. Free some space and run again."
    return (f"{name or 'A file'} cannot be read or written: {error.strerror or error}. Put that right and run again.")


def words_of(name: str, text: str) -> str:
    """The same for an error of another process, of which only the name and the text have come; "" for any other."""
    if name.endswith(("MemoryError", "OutOfMemoryException")):
        return NO_MEMORY
    full = any(f"[Errno {code}]" in text or f"[errno {code}]" in text for code in FULL) or os.strerror(FULL[0]) in text
    return words(OSError(FULL[0], text)) if full else ""


def _shown(name: object) -> str:
    """A file's name relative to the clone, where it lies there."""
    if not isinstance(name, (str, bytes, os.PathLike)):
        return ""
    path = Path(os.fsdecode(name))
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
