"""What a machine and a hostile file can do to a run: a clear error or a correct result, never a hang, never a wrong
report, never a damaged earlier one."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
import small_clone

from loyalty_helpers import check, faults, fuzz, ingest, report, tables
from loyalty_helpers.client import CLONE, load_client
from loyalty_helpers.core.errors import UserError

HEAD = "order_id,customer_id,ordered_at,amount\n"
ORDERS = HEAD + "".join(f"{row},c{row % 7},2025-{row % 6 + 1:02}-{row % 28 + 1:02},{row}.50\n" for row in range(400))


def lay(root: Path, name: str, content: bytes | str) -> Path:
    """A client's folder with one file of orders; the file."""
    path = root / "data" / "acme" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = small_clone.SETTINGS.replace("orders*.csv", name)
    (path.parent / "client.yml").write_text(settings, encoding="utf-8")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def prepared(root: Path) -> ingest.Prepared:
    return ingest.prepare(load_client("acme", root))


def refusal(root: Path) -> str:
    """What `make check` says instead of a description."""
    with pytest.raises(UserError) as error:
        check.describe(load_client("acme", root))
    return str(error.value)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def verb(root: Path, *words: str, **more) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "loyalty_helpers", *words], env=small_clone.environment(root),
                          capture_output=True, text=True, timeout=60, **more)


# ---------------------------------------------------------------- files cut short
def parquet(text: str) -> bytes:
    data = io.BytesIO()
    pd.read_csv(io.StringIO(text)).to_parquet(data)
    return data.getvalue()


def sqlite(text: str) -> bytes:
    with closing(sqlite3.connect(":memory:")) as base:
        pd.read_csv(io.StringIO(text)).to_sql("export", base, index=False)
        return base.serialize()


def xlsx(text: str) -> bytes:
    data = io.BytesIO()
    pd.read_csv(io.StringIO(text)).to_excel(data, index=False)
    return data.getvalue()


PACKED = {
    "orders.csv.gz": lambda text: gzip.compress(text.encode()),
    "orders.csv.bz2": lambda text: bz2.compress(text.encode()),
    "orders.csv.xz": lambda text: lzma.compress(text.encode()),
    "orders.zip": lambda text: fuzz.zipped({"orders.csv": text.encode()}),
    "orders.xlsx": xlsx, "orders.parquet": parquet, "orders.db": sqlite,
}


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_file_cut_short_is_refused_wherever_it_is_cut(tmp_path, name):
    whole = PACKED[name](ORDERS)
    path = lay(tmp_path, name, whole)
    assert prepared(tmp_path).ledger.sentence() == "400 rows read = 400 kept + 0 set aside."
    for share in (0.02, 0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[:int(len(whole) * share)])
        assert refusal(tmp_path).startswith(f"data/acme/{name} ")


# ---------------------------------------------------------------- cells and rows that no export should have
def test_a_zero_byte_is_refused_with_its_line(tmp_path):
    lay(tmp_path, "orders.csv", ORDERS.replace("\n7,", "\n7\0,"))
    assert refusal(tmp_path).startswith("data/acme/orders.csv, line 9: ")


@pytest.mark.parametrize("name", ["orders.csv", "orders.parquet", "orders.db"])
@pytest.mark.parametrize(("column", "row"), [("ordered_at", 2), ("amount", 3)])
def test_an_endless_cell_that_cannot_be_meant_is_refused_without_printing_it(tmp_path, name, column, row):
    rows = pd.read_csv(io.StringIO(ORDERS), dtype=str)
    rows.loc[row - 2, column] = "9x" * 50_000
    pack = PACKED.get(name, lambda text: text.encode())
    lay(tmp_path, name, pack(rows.to_csv(index=False)))
    words = refusal(tmp_path)
    assert words.startswith(f"data/acme/{name}, row ") and f"column '{column}'" in words and len(words) < 500


def test_an_endless_name_is_a_name(tmp_path):
    lay(tmp_path, "orders.csv", ORDERS.replace(",c3,", f",{'c' * 100_000},"))
    ids = prepared(tmp_path).ids["id"]
    assert ids.str.len().max() == 100_000 and len(ids) == 7
    assert len(check.describe(load_client("acme", tmp_path))) < 5000


def test_a_sheet_of_a_million_empty_rows_is_read_as_what_it_holds(tmp_path):
    """What a spreadsheet leaves behind where somebody has coloured whole columns."""
    cells = [[f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in line.split(",")]
             for line in ORDERS.splitlines()]
    rows = "".join(f"<row>{''.join(row)}</row>" for row in cells)
    sheet = f'<dimension ref="A1:XFD1048576"/><sheetData>{rows}{"<row/>" * (1_048_576 - 401)}</sheetData>'
    lay(tmp_path, "orders.xlsx", fuzz.workbook(sheet))
    found = prepared(tmp_path)
    assert found.ledger.sentence() == "400 rows read = 400 kept + 0 set aside."
    assert found.tables["orders"]["amount"].sum() == 400 * 399 / 2 + 400 * 0.5


# ---------------------------------------------------------------- files that cannot be read
@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of Unix")
@pytest.mark.parametrize(("kind", "words"), [
    ("folder", "is a folder"), ("dangling link", "does not exist|cannot be read"),
    ("link to itself", "does not exist|cannot be read"), ("pipe", "is no ordinary file"),
    ("device", "is no ordinary file"), ("forbidden", "cannot be read: "),
])
def test_what_cannot_be_read_is_refused_at_once(tmp_path, kind, words):
    path = lay(tmp_path, "orders.csv", ORDERS)
    if kind == "forbidden" and os.geteuid():
        path.chmod(0)
    else:
        path.unlink()
        {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path),
         "dangling link": lambda: path.symlink_to("gone.csv"), "link to itself": lambda: path.symlink_to(path),
         "device": lambda: path.symlink_to("/dev/zero"),
         "forbidden": lambda: path.symlink_to("/proc/self/mem"),  # what even an administrator cannot read
         }[kind]()
    if kind in ("pipe", "device"):  # to read one would never end
        said = verb(tmp_path, "check", "acme").stderr
        assert "Traceback" not in said
    else:
        said = refusal(tmp_path)
    assert re.match(rf"data/acme/orders\.csv ({words})", said)


@pytest.mark.skipif(sys.platform != "linux", reason="a file of Linux that nobody can read")
def test_a_report_of_what_cannot_be_read_does_not_begin(tmp_path):
    small_clone.make(tmp_path)
    path = tmp_path / "data/acme/orders.csv"
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with pytest.raises(UserError, match=r"^data/acme/orders\.csv cannot be read: .*see that you may read it"):
        report.fingerprints(load_client("acme", tmp_path))


@pytest.mark.parametrize("change", ["grown", "cut short", "replaced", "removed"])
def test_a_file_that_changes_is_noticed_though_its_time_and_size_may_not(tmp_path, change):
    small_clone.make(tmp_path)
    path = tmp_path / "data/acme/orders.csv"
    before, text, times = report.fingerprints(load_client("acme", tmp_path)), path.read_text(), path.stat()
    if change == "replaced":
        other = path.with_name("other")
        other.write_text(text[::-1])
        os.replace(other, path)
    elif change == "removed":
        path.unlink()
    else:
        path.write_text(text * 2 if change == "grown" else text[:-1])
    if change != "removed":
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = report.fingerprints(load_client("acme", tmp_path))
    assert all(after[name] != before[name] for name in before)


# ---------------------------------------------------------------- a whole report
@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A small clone with the real first chapter, whose report is built."""
    root = tmp_path_factory.mktemp("finished") / "clone"
    small_clone.make(root)
    (root / "data/acme/orders.csv").write_text(ORDERS)
    shutil.copy(CLONE / "notebooks/01_data_prep.ipynb", root / "notebooks")
    done = verb(root, "report", "acme")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def clone(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "clone"))


def test_a_hostile_file_stops_a_report_in_plain_words_and_leaves_the_last_one(clone):
    published = snapshot(clone / "reports/acme")
    (clone / "data/acme/orders.csv").write_bytes(gzip.compress(ORDERS.encode())[:-20])
    done = verb(clone, "report", "acme")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "01_data_prep stopped. data/acme/orders.csv is damaged or cut short" in done.stderr
    assert snapshot(clone / "reports/acme") == published


@pytest.mark.skipif(sys.platform == "win32", reason="limits of Unix")
def test_a_full_disk_is_said_and_leaves_the_last_report_until_there_is_room(clone):
    """A limit on the size of files stands for the disk: too small for a chapter's notebook, then for a page."""
    import resource

    def limited(size: int) -> subprocess.CompletedProcess:
        return verb(clone, "report", "acme",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)))

    published = snapshot(clone / "reports/acme")
    small_clone.write_chapter(clone, "00_summary", "print('later')")
    pages = [len(content) for name, content in published.items() if name.endswith(".html")]
    for size in (1000, min(pages) - 1):
        done = limited(size)
        assert done.returncode == 1 and "The disk is full" in done.stderr and "Traceback" not in done.stderr
        assert snapshot(clone / "reports/acme") == published and not list(clone.glob("reports/.*"))
    done = verb(clone, "report", "acme")
    assert done.returncode == 0 and "later" in (clone / "reports/acme/index.html").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of Unix")
def test_a_full_disk_leaves_the_prepared_tables_as_they_were(clone):
    import resource

    shop = load_client("acme", clone)
    before = snapshot(shop.prepared)
    frames = {name: pd.concat([frame] * 3) for name, frame in tables.read_all(shop).items()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match="Errno 27"):
            tables.write(shop, frames)
        with pytest.raises(OSError, match="Errno 27"):
            tables.write_csv(frames["orders"], shop.results / "data_quality.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert snapshot(shop.prepared) == before


def test_what_the_system_refuses_is_said_with_the_file(tmp_path):
    small_clone.make(tmp_path)
    (tmp_path / "data/acme/prepared").write_text("a file in the way")
    done = verb(tmp_path, "report", "acme")
    assert done.returncode == 1
    assert done.stderr == "data/acme/prepared cannot be read or written: File exists. Put that right and run again.\n"


# ---------------------------------------------------------------- errors of another process
@pytest.mark.parametrize(("name", "text", "begins"), [
    ("OSError", "[Errno 28] No space left on device: '/x'", "The disk is full"),
    ("OSError", "Error writing bytes to file. Detail: [errno 28] No space left on device", "The disk is full"),
    ("IOException", 'IO Error: Could not write file "/x": No space left on device', "The disk is full"),
    ("MemoryError", "", "The computer ran out of memory"),
    ("_ArrayMemoryError", "Unable to allocate 7. TiB", "The computer ran out of memory"),
    ("ArrowMemoryError", "malloc of size 64 failed", "The computer ran out of memory"),
    ("OutOfMemoryException", "failed to allocate", "The computer ran out of memory"),
    ("KeyError", "'amount'", ""), ("OSError", "[Errno 2] No such file or directory", ""),
])
def test_full_disks_and_memory_are_known_by_their_words(name, text, begins):
    words = faults.words_of(name, text)
    assert words.startswith(begins) and bool(words) == bool(begins)


# ---------------------------------------------------------------- two runs at once
HOLDER = """
import sys
from loyalty_helpers import client, faults
with faults.only_run(client.load_client("acme")):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(clone):
    """Another process within a run of acme."""
    with subprocess.Popen([sys.executable, "-c", HOLDER], env=small_clone.environment(clone), text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_says_which_is_under_way_and_everything_else_may_run(clone, holder):
    before = snapshot(clone)
    done = verb(clone, "report", "acme")
    assert done.returncode == 1
    assert re.fullmatch(rf"A run of 'acme' is under way since \d\d:\d\d \(process {holder.pid}\): "
                        "wait until it has ended\\.\n", done.stderr)
    assert snapshot(clone) == before
    assert verb(clone, "check", "acme").returncode == 0
    (clone / "data/other").mkdir()
    shutil.copy(clone / "data/acme/client.yml", clone / "data/other")
    with faults.only_run(load_client("other", clone)):
        pass


def test_a_lock_ends_with_its_process_however_that_ends(clone, holder):
    holder.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    holder.wait()
    lock = clone / "data/acme/prepared/.lock"
    assert f"process {holder.pid}" in lock.read_text()
    with faults.only_run(load_client("acme", clone)):
        assert f"process {os.getpid()}" in lock.read_text()
    assert lock.read_text() == ""


# ---------------------------------------------------------------- what the fuzz has found
def test_a_long_line_of_plain_characters_is_looked_through_at_once(tmp_path):
    """Each character more cost all those before it: twice the line, four times the time."""
    lay(tmp_path, "orders.csv", f"{HEAD}1,{'c' * 400_000},2025-01-05,1\n2,Jos\u00e9,2025-01-06,2\n".encode("latin-1"))
    began = time.process_time()
    assert "Jos\u00e9" in prepared(tmp_path).ids["id"].tolist()
    assert time.process_time() - began < 20


@pytest.mark.parametrize("encoding", ["base64", "rot13", "undefined", "idna"])
def test_an_encoding_that_cannot_be_meant_is_refused(tmp_path, encoding):
    lay(tmp_path, "orders.csv", ORDERS.replace("c3", "\u5e97"))
    path = tmp_path / "data/acme/client.yml"
    path.write_text(path.read_text().replace("files: ", f"encoding: {encoding}, files: "))
    assert "encoding" in refusal(tmp_path)


def test_an_id_that_nobody_sees_is_no_customer(tmp_path):
    lay(tmp_path, "orders.csv", ORDERS.replace(",c3,", ",\x85\u200f,").replace(",c4,", ",\u200fc5,"))
    assert set(prepared(tmp_path).ids["id"]) == {"c0", "c1", "c2", "c5", "c6"}


def test_members_of_a_shop_without_a_single_purchase_are_no_error(tmp_path):
    lay(tmp_path, "orders.csv", HEAD + "1,c1,2025-01-05,-1\n2,c2,2025-04-06,-2\n")
    (tmp_path / "data/acme/members.csv").write_text("customer_id,joined_at\nc1,2025-02-01\n")
    path = tmp_path / "data/acme/client.yml"
    path.write_text(path.read_text().replace("}}", "}, members: members.csv}"))
    assert "Alerts" in check.describe(load_client("acme", tmp_path))
