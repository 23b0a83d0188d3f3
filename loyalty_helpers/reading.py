"""Files as they come, and the meaning of their cells.

First half: a file of any known kind becomes columns of text, each distinct cell held once. What a file is, its first
bytes say, not its name. Second half: text becomes names, numbers and moments; what a column means (decimal mark,
day-month order) is decided from all of it, in all files of the source, never from one cell. Work is done on distinct
cells, so that half a million rows with 23,000 different dates cost 23,000 readings.
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


def _column(codes: np.ndarray, text: pa.Array, number: np.ndarray | None) -> Column:
    """A Column whose blank cells have code -1."""
    blank = pc.equal(_stripped(text), "").to_numpy(zero_copy_only=False)
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


# ---------------------------------------------------------------- what cells mean: names
NOTHING = frozenset(["-", "--", "–", "—", "null", "none", "n/a", "na", "nan", "nat", "#n/a", "#value!", "#ref!", "\\n"])
NO_DATE = frozenset(["0", "0000-00-00", "1899-12-30", "1900-01-00", "1900-01-01", "1970-01-01"])
EDGE = r"[\s\pZ\x{FEFF}\x{200B}]+"  # blanks of any kind, tabs, byte order marks


@dataclass(frozen=True)
class Values:
    """What the rows of a column mean: missing where the cell is blank or `bad`, that is, not to be understood."""

    values: pd.Series
    bad: np.ndarray


def _by_row(column: Column, distinct: pd.Series | np.ndarray, bad: np.ndarray) -> Values:
    """From one value per distinct cell to one per row."""
    values = pd.Series(distinct).array.take(column.codes, allow_fill=True)
    return Values(pd.Series(values), np.append(bad, False)[column.codes])


def _stripped(text: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(text, rf"^{EDGE}|{EDGE}$", "")


def _plain(text: pa.Array) -> pa.Array:
    """Upper case, full-width characters made ordinary, every minus and apostrophe the plain one."""
    text = pc.utf8_upper(pc.utf8_normalize(_stripped(text), "NFKC"))
    return pc.replace_substring_regex(pc.replace_substring_regex(text, "[−–—]", "-"), "[’`]", "'")


def _among(text: pa.Array, words: frozenset[str]) -> np.ndarray:
    return pc.is_in(pc.utf8_lower(text), pa.array(["", *words])).to_numpy(zero_copy_only=False)


def _groups(text: pa.Array, pattern: str) -> pd.DataFrame:
    """The named groups of a pattern, one row per text; "" where a group or the whole pattern does not match."""
    found = pc.extract_regex(text, pattern)
    return pd.DataFrame({field.name: np.asarray(pc.fill_null(pc.struct_field(found, field.name), ""), dtype=object)
                         for field in found.type})


def names(column: Column, *, is_id: bool = False, nothing: frozenset[str] = frozenset()) -> Values:
    """Ids and labels as text, case kept: without blanks or tabs round them, a leading apostrophe, the `="..."` of a
    spreadsheet, or the ".0" of a number (17850.0 is 17850). As an id, 6.9E+17 is bad: its digits are lost."""
    text = pc.replace_substring_regex(_stripped(column.text), r'^="(.*)"$|^\'+', r"\1")
    text = pc.replace_substring_regex(_stripped(text), r"^(\d+)\.0+$", r"\1")
    missing = _among(text, NOTHING | nothing)
    bad = pc.match_substring_regex(text, r"(?i)^\d(\.\d+)?E\+\d+$").to_numpy(zero_copy_only=False) & is_id
    return _by_row(column, text.to_pandas().astype("str").mask(missing | bad), bad)


# ---------------------------------------------------------------- numbers
CURRENCY = r"[A-Z]{0,3}[$¥€£₩₹₽₺฿₫₱₴]|[A-Z]{3}|元|圆|円|KR|ZŁ|FT"
NUMBER = (rf"^(?P<open>\()?\s*(?P<sign>[-+])?\s*(?P<left>{CURRENCY})?\s*(?P<inner>[-+])?\s*"
          rf"(?P<core>\d[\d.,' ]*?|[.,]\d+)(?P<power>E[-+]?\d+)?\s*(?P<right>{CURRENCY})?\s*(?P<last>-)?\s*"
          r"(?P<close>\))?$")
SAME_CURRENCY = {"¥": "CNY", "RMB": "CNY", "元": "CNY", "€": "EUR", "£": "GBP", "$": "USD", "US$": "USD"}
# what a sign may stand for, where it tells the currency
MAY_BE = {"CNY": ("CNY", "JPY"), "EUR": ("EUR",), "GBP": ("GBP",),
          "USD": ("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD")}


def numbers(columns: list[Column], decimal: str | None, where: str, *, currency: str = "") -> list[Values]:
    """Numbers (float64) from the same column of several files: with currency signs, thousands marks, full-width
    digits, a minus in front, behind or as parentheses.

    `decimal` is "." or ","; where it is None all cells together decide. Raises UserError (which begins with `where`)
    if they contradict each other, leave it open, name several currencies, or another one than `currency`.
    """
    parts = [_groups(_plain(column.text), NUMBER) for column in columns]
    stored = [np.full(len(part), np.nan) if column.number is None else column.number
              for column, part in zip(columns, parts, strict=True)]
    written = pd.concat([part[np.isnan(number)] for part, number in zip(parts, stored, strict=True)])
    currencies = {SAME_CURRENCY.get(sign, sign) for sign in {*written["left"], *written["right"]} - {""}}
    if len(currencies) > 1:
        raise UserError(f"{where} holds several currencies ({', '.join(sorted(currencies))}), which cannot be added. "
                        "Export one currency.")
    for found in currencies & set(MAY_BE):
        if currency and currency not in MAY_BE[found]:
            raise UserError(f"{where} is in {found}, and client.yml says currency: {currency}. Correct the setting, or "
                            f"export the amounts in {currency}.")
    mark = decimal or _decimal_mark(written.loc[written["power"] == "", "core"], where)
    return [_numbers_of(*each, mark) for each in zip(columns, parts, stored, strict=True)]


def _decimal_mark(cores: pd.Series, where: str) -> str:
    """"." or ",", from the cells that can be read in one way only."""
    cores, sure = cores.str.replace("[' ]", "", regex=True), {}
    for mark, other in (".,", ",."):
        only = (rf"\d*[{mark}](\d{{0,2}}|\d{{4,}})|0*[{mark}]\d+|\d{{4,}}[{mark}]\d+"
                rf"|\d{{1,3}}([{other}]\d{{3}})+[{mark}]\d*|\d{{1,3}}([{other}]\d{{3}}){{2,}}")
        sure[mark] = cores[cores.str.fullmatch(only)]
    if len(sure["."]) and len(sure[","]):
        raise UserError(f"{where} mixes decimal points and decimal commas ('{sure['.'].iloc[0]}', "
                        f"'{sure[','].iloc[0]}'). Say in client.yml which is right (decimal: \".\" or \",\"), and "
                        "correct the other cells in a copy of the file.")
    unsure = cores[cores.str.contains(".", regex=False)]
    if len(unsure) and not len(sure["."]) and not len(sure[","]):  # 1.250: a decimal point, or a German thousand
        raise UserError(f"{where}: '{unsure.iloc[0]}' can be read in two ways, and no other cell tells. Say in "
                        "client.yml which mark is the decimal one (decimal: \".\" or \",\").")
    return "," if len(sure[","]) else "."  # only "1,250" and the like: thousands, for money has no third decimal


def _numbers_of(column: Column, parts: pd.DataFrame, stored: np.ndarray, mark: str) -> Values:
    thousands = "," if mark == "." else "."
    grouped = "|".join(rf"\d{{1,3}}([{one}]\d{{3}})+" for one in (thousands, " ", "'"))
    sound = parts["core"].str.fullmatch(rf"(\d+|{grouped}|)([{mark}]\d*)?")
    sound &= (parts["open"] == "") == (parts["close"] == "")
    core = parts["core"].str.replace(f"[{thousands}' ]", "", regex=True).str.replace(mark, ".", regex=False)
    core += parts["power"]
    size = pd.to_numeric(core.where(sound), errors="coerce").to_numpy(dtype=float)
    minus = (parts["open"] == "(") | (parts[["sign", "inner", "last"]] == "-").any(axis=1)
    value = np.where(np.isnan(stored), np.where(minus, -size, size), stored)
    value[~np.isfinite(value)] = np.nan
    return _by_row(column, value, np.isnan(value) & ~_among(_stripped(column.text), NOTHING))


# ---------------------------------------------------------------- moments
CLOCK = (r"(?:[T\s,]+(?:AT\s+)?(?P<half>上午|下午)?\s*(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)"
         r"(?::(?P<second>[0-5]\d)(?:[.,](?P<fraction>\d+))?)?\s*(?:(?P<ampm>[AP])\.?M\.?)?"
         r"\s*(?P<zone>Z|UTC|GMT)?\s*(?:(?P<sign>[-+])(?P<ahead>\d{1,2}):?(?P<minutes>\d{2})?)?)?$")
DAY_NAME, DAY = r"^(?:[A-Z]{3,9}\.?,?\s+)??", r"(?P<day>\d{1,2})(?:ST|ND|RD|TH)?\.?"
DATES = (
    r"^(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*日?",
    r"^(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<year>\d{4}|\d{2})",  # day and month, or month and day
    r"^(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    rf"{DAY_NAME}{DAY}[-\s/]+(?P<word>[A-Z]{{3,9}})\.?[-\s/,]+(?P<year>\d{{4}}|\d{{2}})",
    rf"{DAY_NAME}(?P<word>[A-Z]{{3,9}})\.?\s+{DAY},?\s+(?P<year>\d{{4}})",
)
PARTS = ["year", "month", "day", "a", "b", "word", "half", "hour", "minute", "second", "fraction", "ampm", "zone",
         "sign", "ahead", "minutes"]
MONTHS = {word: str(number) for number, words in enumerate(
    ["JAN JANUARY", "FEB FEBRUARY", "MAR MARCH", "APR APRIL", "MAY", "JUN JUNE", "JUL JULY", "AUG AUGUST",
     "SEP SEPT SEPTEMBER", "OCT OCTOBER", "NOV NOVEMBER", "DEC DECEMBER"], start=1) for word in words.split()}


def moments(columns: list[Column], style: str | None, zones: tuple[str, str], where: str) -> list[Values]:
    """Moments (datetime64[us], naive) from the same column of several files; several styles may stand side by side.

    `style` is "day-first", "month-first", a strptime pattern (what does not fit it may still be 2025-03-31), or None:
    then all cells together decide what 03/04/2025 is. `zones` are the file's time zone and the one wanted. A cell with
    an offset is converted from that; one without a time is a date and stays what it is. Raises UserError if the cells
    contradict each other or leave it open.
    """
    parts = [_date_parts(_plain(column.text)) for column in columns]
    by_pattern = style is not None and "%" in style
    day_first = style == "day-first" if style else _day_first(pd.concat(parts), where)
    found = []
    for column, part in zip(columns, parts, strict=True):
        if by_pattern:
            part = part.where(part["a"] == "", "")
        moment = _moments_of(part, day_first, zones)
        if by_pattern:
            fitting = _moments_by_pattern(column, style, zones, where)
            moment = np.where(np.isnat(fitting), moment, fitting)
        text = _stripped(column.text)
        missing = _among(text, NOTHING) | _among(pc.utf8_slice_codeunits(text, 0, 10), NO_DATE)
        moment[missing] = np.datetime64("NaT")
        found.append(_by_row(column, moment, np.isnat(moment) & ~missing))
    return found


def _date_parts(text: pa.Array) -> pd.DataFrame:
    """PARTS as text, by the first of DATES that fits; "" where none does."""
    parts = {name: np.full(len(text), "", dtype=object) for name in PARTS}
    for date in DATES:
        still = np.flatnonzero(parts["year"] == "")
        if len(still):
            for name, found in _groups(text.take(pa.array(still)), date + CLOCK).items():
                parts[name][still] = found
    return pd.DataFrame(parts)


def _day_first(parts: pd.DataFrame, where: str) -> bool:
    """Whether 03/04/2025 is the third of April; a UserError asks where no cell tells."""
    parts = parts[parts["a"] != ""]
    a, b, shown = parts["a"].astype(int), parts["b"].astype(int), parts["a"] + "/" + parts["b"] + "/" + parts["year"]
    day_first, month_first, unsure = shown[(a > 12) & (b <= 12)], shown[(b > 12) & (a <= 12)], shown[a != b]
    ask = "Say in client.yml which it is (dates: day-first, month-first, or a pattern such as '%d.%m.%Y')."
    if len(day_first) and len(month_first):
        raise UserError(f"{where} mixes two orders of day and month ('{day_first.iloc[0]}', '{month_first.iloc[0]}'). "
                        "Export it again with dates in one style, such as 2025-03-31.")
    short = parts.loc[parts["year"].str.len() == 2, "year"].astype(int)
    if len(short) and short.max() - short.min() > 15:  # these "years" are days: 24/01/31
        raise UserError(f"{where}: which part of '{shown[short.index[0]]}' is the year? {ask}")
    if len(unsure) and not len(day_first) and not len(month_first):
        raise UserError(f"{where}: '{unsure.iloc[0]}' can be read in two ways, and no other cell tells. {ask}")
    return not len(month_first)


def _moments_of(parts: pd.DataFrame, day_first: bool, zones: tuple[str, str]) -> np.ndarray:
    """datetime64[us] in the wanted zone; NaT for a date that does not exist."""
    day = parts["day"] + (parts["a"] if day_first else parts["b"])
    month = parts["month"] + (parts["b"] if day_first else parts["a"]) + parts["word"].map(MONTHS).fillna("")
    year = parts["year"].where(parts["year"].str.len() != 2, "20" + parts["year"])
    date = pd.to_datetime(year + "-" + month + "-" + day, format="%Y-%m-%d", errors="coerce")
    date = date.where(date.dt.year.between(1900, 2200)).to_numpy().astype("datetime64[us]")
    number = {name: pd.to_numeric(parts[name].replace("", "0")).to_numpy(dtype="int64")
              for name in ("hour", "minute", "second", "ahead", "minutes")}
    half, timed = parts["half"] + parts["ampm"], (parts["hour"] != "").to_numpy()
    hour = np.where(half == "", number["hour"], number["hour"] % 12 + 12 * half.isin(["P", "下午"]))
    micro = pd.to_numeric("0" + parts["fraction"].str[:6].str.ljust(6, "0")).to_numpy(dtype="int64")
    moment = date + (((hour * 60 + number["minute"]) * 60 + number["second"]) * 1_000_000 + micro)
    aware = timed & (parts["zone"] + parts["sign"] != "").to_numpy()
    ahead = (number["ahead"] * 60 + number["minutes"]) * np.where(parts["sign"] == "-", -1, 1)
    moment[aware] = _converted(moment[aware] - ahead[aware].astype("timedelta64[m]"), ("UTC", zones[1]))
    moment[timed & ~aware] = _converted(moment[timed & ~aware], zones)
    return moment


def _moments_by_pattern(column: Column, pattern: str, zones: tuple[str, str], where: str) -> np.ndarray:
    aware = "%z" in pattern
    try:
        found = pd.to_datetime(_stripped(column.text).to_pandas(), format=pattern, errors="coerce", utc=aware)
    except ValueError as error:
        raise UserError(f"{where}: '{pattern}' is no pattern for dates ({error}). Correct 'dates' in client.yml; "
                        "'%d.%m.%Y %H:%M' is one.") from None
    naive = (found.dt.tz_localize(None) if aware else found).to_numpy().astype("datetime64[us]")
    timed = any(code in pattern for code in ("%H", "%I", "%X", "%c"))
    return _converted(naive, ("UTC", zones[1]) if aware else zones) if timed else naive


def _converted(moment: np.ndarray, zones: tuple[str, str]) -> np.ndarray:
    """From the wall clock of one zone to that of another. Of an hour that comes twice the first is meant; an hour that
    a clock change skips counts as its end."""
    if zones[0] == zones[1]:
        return moment
    there = pd.DatetimeIndex(moment).tz_localize(zones[0], ambiguous=np.ones(len(moment), bool),
                                                 nonexistent="shift_forward")
    return there.tz_convert(zones[1]).tz_localize(None).to_numpy().astype("datetime64[us]")
