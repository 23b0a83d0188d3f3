"""Files as they come: encodings, packed and damaged files, header rows, old Excel, and no more memory than needed."""

import bz2
import gzip
import io
import lzma
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from loyalty_helpers import cells_names, cells_numbers, encodings, reading
from loyalty_helpers.client import Source
from loyalty_helpers.core.errors import UserError

HEADER = "order_id,customer_id,ordered_at,amount\n"
ROWS = "1,A,2024-01-15 10:00,10.50\n2,B,2024-02-16 11:30,20\n"
OLD_WORKBOOK = Path(__file__).with_name("orders.xls")  # 17850 once as a number and once as text, dates, yes and no


@pytest.fixture
def read(tmp_path):
    """A function that writes files and reads them back: columns by header, each a list of cells."""

    def read(content, name="o.csv", wanted=lambda header: True, **settings):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return reading.read_files(tmp_path, Source(files=(name,), **settings), wanted)[0]

    return read


def cells(raw, header):
    column = raw.columns[raw.headers.index(header)]
    return [column.cell(row) for row in range(raw.rows)]


# ---------------------------------------------------------------- what is kept of a file
def test_only_wanted_columns_are_kept_and_all_cells_tell_rows_apart(read):
    text = "id,note,extra\n1,a,x\n1,b,x\n1,a,x\n,,\n , ,\n1,,x\n1,x,\n"
    raw = read(text, wanted=lambda header: header == "id")
    assert cells(raw, "id") == ["1", "1", "1", "", "", "1", "1"]
    assert raw.columns[1] is raw.columns[2] is None
    assert raw.blank.tolist() == [False, False, False, True, True, False, False]
    assert pd.factorize(raw.whole)[0].tolist() == [0, 1, 0, 2, 2, 3, 4]  # a blank cell has its place


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("quoted", ["", '"two\nlines"'])
def test_a_file_of_many_blocks_is_the_same_as_one_of_one(read, monkeypatch, pack, quoted):
    rows = [f"{i},{i % 7},{'x' * (i % 50)}\n" for i in range(900)]
    text = "".join(["id,group,text\r\n", *rows[:600], f"{quoted},1,a\n", *rows[600:]])
    whole = read(pack(text.encode()))
    monkeypatch.setattr(encodings, "BLOCK", 1_000)
    monkeypatch.setattr(reading, "BLOCK", 1_000)
    monkeypatch.setattr(reading, "CELLS", 100)
    parts = read(pack(text.encode()))
    assert parts.rows == whole.rows == 901
    for header in whole.headers:
        assert cells(parts, header) == cells(whole, header)
        column = parts.columns[whole.headers.index(header)]
        assert len(set(column.text.to_pylist())) == len(column.text)
        assert column.codes.dtype == np.int32
    assert (parts.whole == whole.whole).all()
    if quoted:
        assert "two\nlines" in cells(parts, "id")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_line_ends_at_the_edge_of_a_block(read, monkeypatch, end, size):
    monkeypatch.setattr(encodings, "BLOCK", size)
    content = (HEADER + ROWS).replace("\n", end).encode()
    (Path(read.__closure__[0].cell_contents) / "x.csv").write_bytes(content)
    text = encodings.text_of(Path(read.__closure__[0].cell_contents) / "x.csv", "x.csv", None)
    assert (text.lines, text.quotes, b"".join(text.blocks())) == (3, 0, content)


def test_files_with_different_line_ends_are_read_alike(tmp_path):
    for number, end in enumerate(["\n", "\r\n", "\r"]):
        (tmp_path / f"{number}.csv").write_bytes((HEADER + ROWS).replace("\n", end).encode())
    files = reading.read_files(tmp_path, Source(files=("*.csv",)))
    assert [cells(raw, "customer_id") for raw in files] == [["A", "B"]] * 3


def test_a_number_and_a_text_that_look_alike_stay_two_cells(monkeypatch):
    monkeypatch.setattr(reading, "CELLS", 1)
    rows = [(7.0,), ("7",), (7,), (None,), ("",), ("7",), (8,)]
    (column,) = reading.from_rows("x", ("n",), rows, lambda header: True).columns
    assert column.codes.tolist()[3:5] == [-1, -1]
    assert [column.number[code] for code in column.codes[[0, 2, 6]]] == [7, 7, 8]
    assert np.isnan(column.number[column.codes[[1, 5]]]).all()
    assert len(column.text) == 3 + ("" in column.text.to_pylist())


def test_parquet_in_several_parts(read):
    frame = pd.DataFrame({"id": range(1_000), "who": ["a", None] * 500, "at": pd.Timestamp("2024-01-15 10:00")})
    buffer = io.BytesIO()
    frame.to_parquet(buffer, row_group_size=300)
    raw = read(buffer.getvalue(), "o.parquet")
    assert cells(raw, "id") == [str(i) for i in range(1_000)]
    assert raw.columns[0].number.tolist() == list(range(1_000))
    assert cells(raw, "who") == ["a", ""] * 500
    assert set(cells(raw, "at")) == {"2024-01-15 10:00:00.000000"} or set(cells(raw, "at")) == {"2024-01-15 10:00:00"}


# ---------------------------------------------------------------- encodings
CHINESE = "订单,买家,类目\n1,张三,上衣\n"
WESTERN = "id,who,what\n1,Zoë Müller,Café £5 – “neu”\n"
RUSSIAN = "id,who\n1,Борис Иванов\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "utf-8-sig"),
        (CHINESE, "gbk"),
        (CHINESE, "gb18030"),
        (CHINESE, "utf-16"),
        (CHINESE, "utf-16-le"),
        (CHINESE * 50, "utf-16-be"),
        (WESTERN, "windows-1252"),
        (WESTERN, "utf-16-le"),
        ("id,who\n1,GRÖSSE\n2,ÄÖ\n", "windows-1252"),
        ("id,price\n1,£5\n", "windows-1252"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_encodings_are_found_out(read, text, encoding, end):
    raw = read(text.replace("\n", end).encode(encoding))
    header, row = (line.split(",") for line in text.splitlines()[:2])
    assert list(raw.headers) == header
    assert [cells(raw, name)[0] for name in header] == row


@pytest.mark.parametrize("text", [CHINESE, WESTERN])
def test_an_encoding_that_shows_only_late_in_a_file(read, monkeypatch, text):
    monkeypatch.setattr(encodings, "BLOCK", 1_000)
    monkeypatch.setattr(encodings, "HEAD", 1_000)
    row = text.splitlines()[1]
    late = "id,who,what\n" + "1,plain,words\n" * 5_000 + row + "\n"
    raw = read(late.encode("gbk" if text == CHINESE else "windows-1252"))
    assert cells(raw, "who")[-1] == row.split(",")[1]
    assert raw.rows == 5_001


@pytest.mark.parametrize("encoding", ["windows-1251", "iso8859-5"])
def test_other_encodings_are_asked_for_with_the_line(read, encoding):
    data = ("a,b\n" + RUSSIAN).encode(encoding)
    with pytest.raises(UserError, match=r"o.csv, line 3: this is neither UTF-8 nor GB18030 nor Western text"):
        read(data)
    assert cells(read(("x,y\n" + RUSSIAN).encode(encoding), encoding=encoding), "y")[1] == "Борис Иванов"


def test_polish_is_not_taken_for_western(read):
    data = "id,who\n1,Michał Wąsik\n2,Łukasz Gałązka\n".encode("windows-1250")
    with pytest.raises(UserError, match="line 2: this is neither"):
        read(data)


def test_japanese_is_asked_for(read):
    with pytest.raises(UserError, match="this is neither"):
        read("注文番号,顧客名\n1,カタカナのなまえ\n2,ひらがな\n".encode("shift_jis"))


def test_a_declared_encoding_must_fit(read, monkeypatch):
    monkeypatch.setattr(encodings, "BLOCK", 10)
    with pytest.raises(UserError, match="line 3: this is not ascii text"):
        read("id,who\n1,Zoe\n2,Zoë\n", encoding="ascii")


def test_mixed_encodings_are_refused(read):
    with pytest.raises(UserError, match="line 3: this is neither"):
        read("id,who\n1,张三\n".encode() + "2,Zoë\n".encode("windows-1252"))


# ---------------------------------------------------------------- damage
def test_zero_bytes_are_named_with_their_line(read, monkeypatch):
    monkeypatch.setattr(encodings, "BLOCK", 20)
    with pytest.raises(UserError, match=r"o.csv, line 3: this is not text"):
        read(HEADER + ROWS.replace("B", "\0"))


@pytest.mark.parametrize(("pack", "name"), [(gzip.compress, "o.gz"), (bz2.compress, "o.bz2"), (lzma.compress, "o.xz")])
def test_a_packed_file_that_is_cut_short(read, pack, name):
    content = pack((HEADER + ROWS * 1_000).encode())
    assert read(content, name).rows == 2_000
    with pytest.raises(UserError, match="is damaged or cut short"):
        read(content[: len(content) // 2], name)


def test_a_very_long_cell(read):
    long = "x" * 100_000
    assert cells(read(HEADER + f"1,{long},2024-01-15,5\n"), "customer_id") == [long]
    assert cells(read(HEADER + f'1,"{long}\n{long[:9]}",2024-01-15,5\n'), "customer_id") == [long + "\n" + long[:9]]


def test_a_zip_with_several_files(read):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", HEADER)
        archive.writestr("b.csv", HEADER)
    with pytest.raises(UserError, match=r"o.zip holds 2 files"):
        read(buffer.getvalue(), "o.zip")


@pytest.mark.parametrize("start", ["<html><table>", "\ufeff\n<!DOCTYPE html>", '<?xml version="1.0"?>\n<Workbook>'])
def test_a_web_page_under_the_name_of_a_table(read, start):
    with pytest.raises(UserError, match=r"o.xls is a web page, or XML, not a table"):
        read(start + "<tr><td>order_id, a</td></tr>\n", "o.xls")


def test_text_under_the_name_of_a_workbook(read):
    assert cells(read((HEADER + ROWS).replace(",", "\t"), "o.xls"), "customer_id") == ["A", "B"]


# ---------------------------------------------------------------- header rows
def test_a_file_without_a_header_row_is_asked_for_names(read):
    wanted = HEADER.strip().split(",").__contains__
    with pytest.raises(UserError, match=r"o.csv, row 1: dates or numbers .* name its 4 columns"):
        read(ROWS, wanted=wanted)
    raw = read(ROWS, wanted=wanted, names=tuple(HEADER.strip().split(",")))
    assert raw.first_row == 1
    assert cells(raw, "customer_id") == ["A", "B"]
    with pytest.raises(UserError, match=r"row 1: 4 cells, but client.yml names 3 columns"):
        read(ROWS, names=("a", "b", "c"))
    assert cells(read("\n" + ROWS, names=("a", "b", "c", "d")), "b") == ["", "A", "B"]
    assert read("order_id,who,2024\n1,a,5\n", wanted=wanted).headers == ("order_id", "who", "2024")


def test_a_workbook_without_a_header_row(read):
    book = workbook([(1, "A", datetime(2024, 1, 15), 10.5), (2, "B", datetime(2024, 2, 16), 20)])
    with pytest.raises(UserError, match=r"o.xlsx, row 1: dates or numbers"):
        read(book, "o.xlsx", wanted={"order_id"}.__contains__)
    raw = read(book, "o.xlsx", names=("n", "who", "at", "money"))
    assert cells(raw, "who") == ["A", "B"]
    assert cells(raw, "at") == ["2024-01-15 00:00:00", "2024-02-16 00:00:00"]
    assert raw.first_row == 1


TWO_ROWS = [
    ["Respondent", "Which do you use?", None, None, "How likely?", "Date"],
    [None, "App", "Shop", None, "Response", None],
    ["r1", "App", None, None, 9, "2024-01-15"],
]
NAMES = ("Respondent", "Which do you use? · App", "Which do you use? · Shop", "", "How likely? · Response", "Date")


def test_two_header_rows_become_one_name(read):
    text = "\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in TWO_ROWS) + "\n"
    raw = read("\n" + text, header_rows=2)
    assert raw.headers == NAMES
    assert raw.first_row == 4
    assert cells(raw, "How likely? · Response") == ["9"]
    assert read(workbook(TWO_ROWS), "o.xlsx", header_rows=2).headers == NAMES
    three = read(f"Survey,,,,,\n{text}", header_rows=3)
    assert three.headers[1] == "Survey · Which do you use? · App"
    with pytest.raises(UserError, match="fewer rows than"):
        read("a,b\n", header_rows=2)


# ---------------------------------------------------------------- Excel
def workbook(rows, below=()):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for row, value in below:
        book.active.cell(row=row, column=1).value = value
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_an_old_workbook(tmp_path):
    shutil.copy(OLD_WORKBOOK, tmp_path / "o.xls")
    (raw,) = reading.read_files(tmp_path, Source(files=("o.xls",)))
    assert raw.headers == ("order_id", "customer_id", "ordered_at", "amount", "member")
    assert cells(raw, "ordered_at") == ["2024-01-15 10:00:00", "2024-02-16 11:30:00", "2024-03-17 00:00:00"]
    assert cells(raw, "member") == ["True", "False", "True"]
    assert cells_names.names(raw.columns[1], is_id=True).values.tolist() == ["17850", "B", "17850"]
    assert cells_numbers.numbers([raw.columns[3]], None, "amount")[0].values.tolist() == [10.5, 20, 5.25]
    with pytest.raises(UserError, match=r"o.xls has no sheet 'Order'. Did you mean 'Orders'"):
        reading.read_files(tmp_path, Source(files=("o.xls",), sheet="Order"))
    (tmp_path / "o.xls").write_bytes(OLD_WORKBOOK.read_bytes()[:2_000])
    with pytest.raises(UserError, match=r"o.xls is an old Excel file that cannot be read"):
        reading.read_files(tmp_path, Source(files=("o.xls",)))


def test_ids_as_numbers_and_as_text_are_one_customer(read):
    raw = read(workbook([("id",), (17850.0,), ("17850",), ("17850.0",), (17850,)]), "o.xlsx")
    assert set(cells_names.names(raw.columns[0], is_id=True).values) == {"17850"}


def test_empty_rows_of_a_workbook(read):
    raw = read(workbook([("id", "n"), ("a", 1), (None, None), ("b", 2)], below=[(200_000, " ")]), "o.xlsx")
    assert raw.rows == 200_000 - 1
    assert raw.blank.sum() == 200_000 - 1 - 2
    raw = read(workbook([("id", "n"), ("a", 1)], below=[(200_000, None)]), "o.xlsx")
    assert raw.rows == 1


# ---------------------------------------------------------------- memory
WORK = """
import resource, sys
from pathlib import Path
from loyalty_helpers import reading
from loyalty_helpers.client import Source
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
raw = reading.read_files(Path(sys.argv[1]), Source(files=("o.csv",)), lambda header: header == "c1")[0]
unit = 1024 ** 2 if sys.platform == "darwin" else 1024
print(raw.rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit)
"""


@pytest.mark.parametrize("wide", [False, True])
def test_a_large_file_takes_little_memory(tmp_path, wide):
    columns, rows = (2_000, 20_000) if wide else (12, 3_000_000)
    line = ",".join(["10.50"] * columns)
    with (tmp_path / "o.csv").open("w") as file:
        file.write(",".join(f"c{i}" for i in range(columns)) + "\n")
        for start in range(0, rows, 1_000):
            file.write("".join(f"{line[:-5]}{start + i:05d}\n" for i in range(1_000)))
    size = (tmp_path / "o.csv").stat().st_size / 1e6
    assert size > 200
    run = subprocess.run([sys.executable, "-c", WORK, str(tmp_path)], capture_output=True, text=True, check=True)
    found, memory = re.match(r"(\d+) ([\d.]+)", run.stdout).groups()
    assert int(found) == rows
    assert float(memory) < 600
