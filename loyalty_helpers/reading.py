"""Files as they come: a file of any known kind becomes columns of text, each distinct cell held once.

What a file is, its first bytes say, not its name.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import math
import re
import sqlite3
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from loyalty_helpers.client import Source, UserError, matching, suggest

UNPACK = {b"\x1f\x8b": gzip.decompress, b"BZh": lambda data: bz2.BZ2File(io.BytesIO(data)).read(),
          b"\xfd7zXZ": lzma.decompress}  # each says EOFError, or an error of its own, where a file is cut short
DIGITS_OF_A_SPREADSHEET = 15  # XLSX keeps no more of a number
HEAD = 1 << 20  # bytes looked at to find header and delimiter
EDGE = r"[\s\pZ\x{FEFF}\x{200B}]+"  # blanks of any kind, tabs, byte order marks


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a file. Row i holds `text[codes[i]]`, code -1 a blank; `number` has the distinct cells that are
    stored as numbers (nan where one is text), and is None where all is text."""

    codes: np.ndarray
    text: pa.Array
    number: np.ndarray | None = None

    def cell(self, row: int) -> str:
        """The cell as it stands in the file; "" for a blank."""
        return "" if self.codes[row] < 0 else self.text[int(self.codes[row])].as_py()


@dataclass(frozen=True)
class RawFile:
    """A file as it stands. `headers` and `columns` run parallel; `first_row` is the number that a spreadsheet (or,
    for files without a header row, a count from 1) gives to the first row of data."""

    name: str
    headers: tuple[str, ...]
    columns: tuple[Column, ...]
    first_row: int

    @property
    def rows(self) -> int:
        return len(self.columns[0].codes)


# ---------------------------------------------------------------- which files
def read_files(folder: Path, source: Source) -> list[RawFile]:
    """The files of a source, in the order of their names. A UserError says which cannot be read, and why."""
    try:
        return [_read_file(path, path.relative_to(folder).as_posix(), source) for path in _found(folder, source.files)]
    except UserError as error:  # which begins with the name of the file
        raise UserError(f"data/{folder.name}/{error}") from None


def _found(folder: Path, patterns: Iterable[str]) -> list[Path]:
    found = set()
    for pattern in patterns:
        paths = matching(folder, pattern)
        if not paths:
            here = sorted(path.name for path in folder.glob("*") if path.is_file() and path.name != "client.yml")
            known = [name for name in here if name != "README.md"]
            advice = " README.md in that folder says where to get it." if "README.md" in here else ""
            raise UserError(f"{pattern} does not exist.{suggest(pattern, known)}{advice} "
                            f"Files there: {', '.join(known) or 'none'}.")
        found.update(paths)
    for path in found:
        if path.is_dir():
            raise UserError(f"{path.relative_to(folder)} is a folder. To read all files in it, write {path.name}/*.")
        if path.exists() and not path.is_file():  # a pipe or a device: reading it may never end
            raise UserError(f"{path.relative_to(folder)} is no ordinary file. Put a copy of the file there.")
    return sorted(found)


def _read_file(path: Path, name: str, source: Source) -> RawFile:
    """One file, whatever its kind. `name` is what errors and the ledger call it."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
        if start.startswith(b"PAR1"):
            return _parquet(path, name)
        if start.startswith(b"SQLite format 3\0"):
            return _sqlite(path, name, source)
        if start.startswith(b"\xd0\xcf\x11\xe0"):
            raise UserError(f"{name} is an old Excel file (.xls). Open it and save it as .xlsx or as CSV UTF-8.")
        if start.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(path) as archive:
                members = [member for member in archive.namelist() if not member.endswith("/")]
                if "[Content_Types].xml" in members:
                    return _xlsx(path, name, source.sheet)
                if len(members) != 1:
                    raise UserError(f"{name} holds {len(members)} files. Unpack it and name the one to read.")
                return _csv(archive.read(members[0]), name, source.encoding)
        data = path.read_bytes()
        for magic, unpack in UNPACK.items():
            data = unpack(data) if data.startswith(magic) else data
        return _csv(data, name, source.encoding)
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
        raise UserError(f"{name} is damaged or cut short, or locked with a password ({error}). "
                        "Copy or export it again.") from None
    except OSError as error:  # bad gzip and bz2 data, too
        raise UserError(f"{name} cannot be read: {error.strerror or error}. Copy or export it again.") from None


# ---------------------------------------------------------------- delimited text
def _csv(data: bytes, name: str, encoding: str | None) -> RawFile:
    data = _utf8(data, name, encoding)
    if b"\0" in data:
        raise UserError(f"{name}, line {data[:data.index(0)].count(10) + 1}: this is not text (it holds a zero byte). "
                        "Export it again as CSV UTF-8 or XLSX.")
    delimiter, headers, row, lines = _header(data[:HEAD].decode("utf-8", "ignore"), name)
    columns = _fast_columns(data, headers, lines, delimiter)
    if columns is None:
        columns = _careful_columns(data.decode(), len(headers), row, delimiter, name)
    return RawFile(name, headers, tuple(map(_text_column, columns)), row + 1)


def _utf8(data: bytes, name: str, encoding: str | None) -> bytes:
    """The text as UTF-8 without byte order mark, from the encoding given or found."""
    if encoding is None and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = data.decode(encoding or "utf-8")
    except (UnicodeError, LookupError) as error:
        text = _chinese(data) if encoding is None else None
        if text is None:
            found = f"this is not {encoding} text" if encoding else "this is neither UTF-8 nor GB18030 text"
            raise UserError(f"{name}, line {data[:getattr(error, 'start', 0)].count(10) + 1}: {found}. Save it as CSV "
                            "UTF-8, or give its encoding in client.yml (in the West often encoding: windows-1252)."
                            ) from None
    return text.removeprefix("\ufeff").encode("utf-8", "replace")


def _chinese(data: bytes) -> str | None:
    """GB18030 text; None where it is not, or where most of it are rare characters: Western text reads like that."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    foreign = re.sub("[\x00-\x7f]+", "", text)
    return text if len(foreign.encode("gb2312", "ignore")) > len(foreign) else None  # common ones have two bytes


def _header(head: str, name: str) -> tuple[str, tuple[str, ...], int, int]:
    """Delimiter, column names, and the row and the line on which they stand (blank ones before them count)."""
    best, best_score = None, (0, 0)
    for delimiter in ",;\t|":
        records = []
        try:
            for record in islice(_records(head, delimiter), 20):
                records.append(record)
        except csv.Error:  # a cell without end: the rows above tell enough, and whoever reads that row names it
            pass
        widths = [len(cells) for _, _, cells in records if any(cells)]
        score = (widths.count(widths[0]) if widths and widths[0] > 1 else 0, widths[0] if widths else 0)
        if score > best_score:
            row, lines, headers = next(record for record in records if any(record[2]))
            best, best_score = (delimiter, tuple(headers), row, lines), score
    if best is None:
        raise UserError(f"{name} is empty, or no table. Export it again, with a row of column names on top.")
    return best


def _records(text: str, delimiter: str, strict: bool = False) -> Iterator[tuple[int, int, list[str]]]:
    """Row number, line number and cells of each record, as a spreadsheet counts them: blank rows count."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)
    for row, cells in enumerate(reader, start=1):
        yield row, reader.line_num, [cell.strip() for cell in cells]


def _fast_columns(data: bytes, headers: tuple[str, ...], lines: int, delimiter: str) -> list | None:
    """The columns as text; None where rows differ in length, a quotation mark stands open, or rows and lines differ in
    number: then cells run over several lines, on purpose or because of stray quotation marks."""
    if data.count(b'"') % 2:
        return None
    data = data if data.endswith((b"\n", b"\r")) else data + b"\n"
    names = [str(position) for position in range(len(headers))]
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(data),
            read_options=pa.csv.ReadOptions(column_names=names, skip_rows=lines, use_threads=False),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())))
    except pa.ArrowInvalid:
        return None
    all_lines = data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
    return table.columns if table.num_rows == all_lines - lines else None


def _careful_columns(text: str, width: int, header_row: int, delimiter: str, name: str) -> list:
    """The same, row by row: short rows are filled up with blanks, a row that is too long stops."""
    rows = []
    try:
        for row, _, cells in _records(text, delimiter, strict=True):
            if any(cells[width:]):
                raise UserError(f"{name}, row {row}: {len(cells)} cells under {width} column names. A '{delimiter}' "
                                "within a cell needs quotation marks round the cell; correct the row.")
            if row > header_row:
                rows.append((cells + [""] * width)[:width])
    except csv.Error as error:
        raise UserError(f"{name}, row {len(rows) + header_row + 1}: a quotation mark is out of place or never closed "
                        f"({error}). Correct the row.") from None
    return [pa.array(column, pa.string()) for column in (zip(*rows, strict=True) if rows else [[]] * width)]


def _text_column(cells: pa.Array | pa.ChunkedArray) -> Column:
    encoded = (cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells).dictionary_encode()
    codes, distinct = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), encoded.dictionary
    kind, number = distinct.type, None
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        number = pc.cast(distinct, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return _column(codes, pc.fill_null(pc.cast(distinct, pa.string()), ""), number)


def stripped(text: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(text, rf"^{EDGE}|{EDGE}$", "")


def _column(codes: np.ndarray, text: pa.Array, number: np.ndarray | None) -> Column:
    """A Column whose blank cells have code -1."""
    blank = pc.equal(stripped(text), "").to_numpy(zero_copy_only=False)
    if blank.any():
        codes = np.append(np.where(blank, -1, np.arange(len(text))), -1)[codes]
    return Column(codes, text, number)


# ---------------------------------------------------------------- Parquet, XLSX, SQLite
def _parquet(path: Path, name: str) -> RawFile:
    try:
        table = pa.parquet.read_table(path)
        flat = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
        columns = tuple(_text_column(table[column]) for column in flat)
    except (pa.ArrowException, ValueError) as error:
        raise UserError(f"{name} is a Parquet file that cannot be read ({str(error)[:120]}). Write it again.") from None
    if not flat:
        raise UserError(f"{name} has no column that is not nested. Write it again as a flat table.")
    return RawFile(name, tuple(flat), columns, 1)


def _xlsx(path: Path, name: str, sheet: str | None) -> RawFile:
    import openpyxl  # slow to import, and most exports are CSV

    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on styles and validations, which do not concern us
            rows = _sheet(openpyxl.load_workbook(file, read_only=True, data_only=True), name, sheet)
    except UserError:
        raise
    except Exception as error:  # openpyxl lets the errors of XML, zip and many of its own through
        raise UserError(f"{name} is an Excel file that cannot be read ({str(error)[:120]}). "
                        "Open it and save it as CSV UTF-8.") from None
    filled = [any(cell is not None for cell in row) for row in rows]
    if not any(filled):
        raise UserError(f"{name} is empty. Export it again.")
    first, last = filled.index(True), len(filled) - filled[::-1].index(True)
    table = list(zip_longest(*zip_longest(*rows[first:last])))  # rows of equal length
    headers = tuple("" if cell is None else str(cell).strip() for cell in table[0])
    return RawFile(name, headers, _mixed_columns(table[1:], len(headers), DIGITS_OF_A_SPREADSHEET), first + 2)


def _sheet(book, name: str, sheet: str | None) -> list[tuple]:
    if sheet is not None and sheet not in book.sheetnames:
        raise UserError(f"{name} has no sheet '{sheet}'.{suggest(sheet, book.sheetnames)} "
                        f"Sheets there: {', '.join(book.sheetnames)}.")
    sheets = [one for one in book.worksheets if sheet in (None, one.title)]
    for one in sheets:
        one.reset_dimensions()  # the size that a file declares may be too small
    filled = [one for one in sheets if len(list(islice(one.iter_rows(), 2))) == 2]
    if len(filled) > 1:
        raise UserError(f"{name} has several sheets with data: {', '.join(one.title for one in filled)}. "
                        "Say in client.yml which to read (sheet: ...).")
    return list((filled or sheets)[0].iter_rows(values_only=True))


def _sqlite(path: Path, name: str, source: Source) -> RawFile:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            query = source.query or _whole_table(base, name, source.table)
            base.set_authorizer(_only_reading)
            cursor = base.execute(query)
            headers = tuple(column[0] for column in cursor.description or ())
            rows = cursor.fetchall()
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise UserError(f"{name} is a SQLite database that does not answer: {error}. Check table and query in "
                        "client.yml.") from None
    if not headers:
        raise UserError(f"{name}: the query gives no table. Write one that begins with SELECT.")
    return RawFile(name, headers, _mixed_columns(rows, len(headers)), 1)


def _only_reading(action: int, *_: object) -> int:
    allowed = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


def _whole_table(base: sqlite3.Connection, name: str, table: str | None) -> str:
    known = [row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                                            "AND name NOT LIKE 'sqlite_%' ORDER BY name")]
    table = known[0] if table is None and len(known) == 1 else table
    if table not in known:
        wish = f"has no table '{table}'.{suggest(table, known)}" if table else "needs a table or a query in client.yml."
        raise UserError(f"{name} {wish} Tables there: {', '.join(known) or 'none'}.")
    return 'SELECT * FROM "' + table.replace('"', '""') + '"'


def _mixed_columns(rows: list[tuple], width: int, digits: int | None = None) -> tuple[Column, ...]:
    """Columns of Python values of any type. Numbers with more than `digits` digits have lost the others: they are
    shown as such (6.9E+17)."""
    table = pd.DataFrame(rows, columns=range(width), dtype=object)
    columns = []
    for column in table:
        codes, values = pd.factorize(table[column].to_numpy(dtype=object))
        number = [float(value) if isinstance(value, int | float) else math.nan for value in values]
        text = pa.array([_cell_text(value, digits) for value in values], pa.string())
        columns.append(_column(codes, text, None if np.isnan(number).all() else np.array(number)))
    return tuple(columns)


def _cell_text(value: object, digits: int | None) -> str:
    if isinstance(value, int | float) and digits and abs(value) >= 10**digits:
        return f"{value:.5E}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
