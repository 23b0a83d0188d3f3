"""Files as they come: a file of any known kind becomes columns of text, each distinct cell held once.

What a file is, its first bytes say, not its name. Files are read in blocks, and only the columns that are used are
kept: of the others a number per row remains, which tells rows with the same cells.
"""

from __future__ import annotations

import csv
import io
import lzma
import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, pairwise, repeat, zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from loyalty_helpers import databases, spreadsheets
from loyalty_helpers.client import Source, matching
from loyalty_helpers.core.errors import UserError, suggest
from loyalty_helpers.encodings import BLOCK, Stream, Text, text_of

DIGITS_OF_A_SPREADSHEET = 15  # XLSX keeps no more of a number
CELLS = 1 << 20  # held at a time, of files that are read row by row
BLANKS = r"\s\pZ\p{Cc}\p{Cf}"  # blanks of any kind, tabs, byte order marks, marks of direction: what nobody sees
WEB_PAGES = ("<!doctype", "<html", "<head", "<meta", "<style", "<table", "<div", "<?xml")
LOOKS_LIKE_DATA = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ,].*)?|[-+]?[$€£¥￥]?\s*\d[\d.,]*")
Wanted = Callable[[str], bool]  # whether the column of this name is used


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


@dataclass(frozen=True, eq=False)
class RawFile:
    """A file as it stands. `headers` and `columns` run parallel, with None for a column that is not used; `first_row`
    is the number that a spreadsheet (or, for files without a header row, a count from 1) gives to the first row of
    data. `whole` is a number per row, the same for rows with the same cells, used or not; `blank` marks rows without
    any."""

    name: str
    headers: tuple[str, ...]
    columns: tuple[Column | None, ...]
    first_row: int
    whole: np.ndarray
    blank: np.ndarray

    @property
    def rows(self) -> int:
        return len(self.whole)


# ---------------------------------------------------------------- which files
def read_files(folder: Path, source: Source, wanted: Wanted = lambda header: True) -> list[RawFile]:
    """The files of a source, in the order of their names, or the table of its database, with the columns that are
    `wanted`. A UserError says which cannot be read, and why."""
    if source.database:
        return [_postgresql(source, wanted)]
    folders = sorted({pattern for pattern in source.files if pattern.endswith("/")})
    try:
        return [*(read_file(path, path.relative_to(folder).as_posix(), source, wanted)
                  for path in _found(folder, [pattern for pattern in source.files if pattern not in folders])),
                *(_parquet(_found(folder, [parts]), parts, wanted, folder / parts) for parts in folders)]
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
            name = path.relative_to(folder).as_posix()
            raise UserError(f"{name} is a folder. To read all files in it, write {name}/*, or {name}/ if they are "
                            "Parquet files, the parts of one table.")
        if path.exists() and not path.is_file():  # a pipe or a device: reading it may never end
            raise UserError(f"{path.relative_to(folder)} is no ordinary file. Put a copy of the file there.")
    return sorted(found)


def read_file(path: Path, name: str, source: Source, wanted: Wanted = lambda header: True) -> RawFile:
    """One file, whatever its kind. `name` is what errors, which begin with it, and the ledger call it."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
        if start.startswith(b"PAR1"):
            return _parquet([path], name, wanted)
        if start.startswith(b"SQLite format 3\0"):
            return _sqlite(path, name, source, wanted)
        if start.startswith(b"\xd0\xcf\x11\xe0"):
            with spreadsheets.old_workbook(path, name, source.sheet) as rows:
                return _of_a_spreadsheet(rows, name, source, wanted)
        if start.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(path) as archive:
                is_workbook = "[Content_Types].xml" in archive.namelist()
            if is_workbook:
                with spreadsheets.workbook(path, name, source.sheet) as rows:
                    return _of_a_spreadsheet(rows, name, source, wanted)
        return _csv(text_of(path, name, source.encoding), source, wanted)
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
        raise UserError(f"{name} is damaged or cut short, or locked with a password ({error}). "
                        "Copy or export it again.") from None
    except OSError as error:  # bad gzip and bz2 data, too
        raise UserError(f"{name} cannot be read: {error.strerror or error}. Copy or export it again.") from None


# ---------------------------------------------------------------- blocks of rows
def from_blocks(name: str, headers: Iterable[str], blocks: Iterable[list[Column]], wanted: Wanted,
                first_row: int) -> RawFile:
    """A RawFile from blocks of rows, each a Column per header."""
    headers = tuple(headers)
    used = [position for position, header in enumerate(headers) if wanted(header)]
    parts: dict[int, list[Column]] = {position: [] for position in used}
    whole, blank = [np.empty(0, np.uint64)], [np.empty(0, bool)]
    for block in blocks:
        whole.append(_same_rows(block))
        blank.append(np.all([column.codes < 0 for column in block], axis=0))
        for position in used:
            parts[position].append(block[position])
    columns = {position: _joined(parts.pop(position)) for position in used}
    return RawFile(name, headers, tuple(columns.get(position) for position in range(len(headers))), first_row,
                   np.concatenate(whole), np.concatenate(blank))


def from_rows(name: str, headers: Iterable[str], rows: Iterable[tuple], wanted: Wanted, first_row: int = 1,
              digits: int | None = None) -> RawFile:
    """A RawFile from rows of Python values of any type, as long as there are headers. Numbers with more than `digits`
    digits have lost the others: they are shown as such (6.9E+17)."""
    headers, rows = tuple(headers), iter(rows)
    at_once = max(CELLS // len(headers), 1)
    blocks = ([_mixed_column(list(cells), digits) for cells in zip(*block, strict=True)]
              for block in iter(lambda: list(islice(rows, at_once)), []))
    return from_blocks(name, headers, blocks, wanted, first_row)


def from_arrow(name: str, batches: Iterable[pa.RecordBatch], headers: Iterable[str], wanted: Wanted,
               first_row: int = 1) -> RawFile:
    """A RawFile from Arrow's batches of rows, with a column per header."""
    return from_blocks(name, headers, ([_arrow_column(cells) for cells in batch.columns] for batch in batches), wanted,
                       first_row)


def _same_rows(block: list[Column]) -> np.ndarray:
    """The number per row that tells rows with the same cells: 64 bits, so that two in ten million rows get the same
    by chance in one of 300,000 files."""
    import duckdb  # slow to import, and a run that finds nothing to do imports this module

    cells = [pa.DictionaryArray.from_arrays(pa.array(column.codes, pa.int32(), mask=column.codes < 0), column.text)
             for column in block]
    table = pa.table(cells, names=[f"c{position}" for position in range(len(cells))])
    return duckdb.from_arrow(table).project(f"hash({', '.join(table.column_names)}) as row").fetchnumpy()["row"]


def _joined(parts: list[Column]) -> Column:
    """The blocks of a column, one below the other, each distinct cell held once again."""
    if not parts:
        return Column(np.empty(0, np.int32), pa.array([], pa.string()))
    if len(parts) == 1:
        return parts[0]
    texts = pa.chunked_array([part.text for part in parts]).dictionary_encode().combine_chunks()
    codes, text, number = texts.indices.to_numpy(), texts.dictionary, None
    if any(part.number is not None for part in parts):  # the number 7 and the text 7 are two cells
        number = np.concatenate([np.full(len(part.text), np.nan) if part.number is None else part.number
                                 for part in parts])
        numbers, distinct = pd.factorize(number)
        both = codes * np.int64(len(distinct) + 1) + numbers
        _, first, both = np.unique(both, return_index=True, return_inverse=True)
        codes, text, number = both, text.take(pa.array(codes[first])), number[first]
    ends = np.cumsum([len(part.text) for part in parts])
    where = [np.append(codes[end - len(part.text):end], -1).astype(np.int32)
             for part, end in zip(parts, ends, strict=True)]
    return Column(np.concatenate([place[part.codes] for place, part in zip(where, parts, strict=True)]), text, number)


def _arrow_column(cells: pa.Array) -> Column:
    encoded = cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
    codes, distinct = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), encoded.dictionary
    kind, number = distinct.type, None
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        number = pc.cast(distinct, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return _column(codes, pc.fill_null(pc.cast(distinct, pa.string()), ""), number)


def _mixed_column(cells: list[object], digits: int | None) -> Column:
    codes, values = pd.factorize(np.fromiter(cells, object, len(cells)))
    number = [float(value) if isinstance(value, int | float) else math.nan for value in values]
    text = pa.array([_cell_text(value, digits) for value in values], pa.string())
    return _column(codes, text, None if np.isnan(number).all() else np.array(number))


def _cell_text(value: object, digits: int | None) -> str:
    if isinstance(value, int | float) and digits and abs(value) >= 10**digits:
        return f"{value:.5E}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def stripped(text: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(text, rf"^[{BLANKS}]+|[{BLANKS}]+$", "")


def _column(codes: np.ndarray, text: pa.Array, number: np.ndarray | None) -> Column:
    """A Column whose blank cells have code -1."""
    blank = pc.match_substring_regex(text, f"^[{BLANKS}]*$").to_numpy(zero_copy_only=False)
    if blank.any():
        codes = np.append(np.where(blank, -1, np.arange(len(text))), -1)[codes]
    return Column(codes.astype(np.int32), text, number)


# ---------------------------------------------------------------- delimited text
def _csv(text: Text, source: Source, wanted: Wanted) -> RawFile:
    if text.head.lstrip().lower().startswith(WEB_PAGES):
        raise UserError(f"{text.name} is a web page, or XML, not a table, whatever its name says. Open it in a "
                        "spreadsheet and save it as .xlsx or CSV UTF-8.")
    delimiter, headers, row, lines = _header(text, source, wanted)
    if text.quotes % 2 == 0:
        try:
            batches = _fast_batches(text, len(headers), lines, delimiter)
            raw = from_arrow(text.name, batches, headers, wanted, row + 1)
            if raw.rows == text.lines - lines:
                return raw
        except pa.ArrowInvalid:
            pass
    rows = _careful_rows(text, len(headers), row, delimiter)
    return from_rows(text.name, headers, rows, wanted, row + 1)


def _header(text: Text, source: Source, wanted: Wanted) -> tuple[str, tuple[str, ...], int, int]:
    """Delimiter, column names, and the row and the line on which they end (blank ones before them count)."""
    best, delimiter, best_score = [], "", (0, 0)
    said = re.match(r'"?sep=(.)"?\r?\n', text.head, re.IGNORECASE)  # a first line for Excel, which is no row of data
    for sign in said[1] if said else ",;\t|":
        records = []
        try:
            for record in islice(_records(io.StringIO(text.head, newline=""), sign), 20):
                records.append(record)
        except csv.Error:  # a cell without end: the rows above tell enough, and whoever reads that row names it
            pass
        records = [record for record in records[bool(said):] if any(record[2])]
        widths = [len(cells) for _, _, cells in records]
        score = (widths.count(widths[0]) if widths and widths[0] > 1 else 0, widths[0] if widths else 0)
        if score > best_score:
            best, delimiter, best_score = records, sign, score
    if not best:
        raise UserError(f"{text.name} is empty, or no table. Export it again, with a row of column names on top.")
    headers = _names([cells for _, _, cells in best], best[0][0], text.name, source, wanted)
    above = int(bool(said))
    row, lines, _ = (above, above, None) if source.names else best[source.header_rows - 1]
    return delimiter, headers, row, lines


def _names(rows: list[list[str]], first_row: int, name: str, source: Source, wanted: Wanted) -> tuple[str, ...]:
    """The names of the columns, from the settings or from the first rows of a file."""
    if source.names:
        if len(source.names) != len(rows[0]):
            raise UserError(f"{name}, row {first_row}: {len(rows[0])} cells, but client.yml names "
                            f"{len(source.names)} columns. Correct 'names' there.")
        return source.names
    if len(rows) < source.header_rows:
        raise UserError(f"{name} has fewer rows than client.yml says that it has header rows. Correct 'header_rows'.")
    names = _one_name_each(rows[:source.header_rows])
    if any(map(LOOKS_LIKE_DATA.fullmatch, names)) and not any(map(wanted, names)):
        raise UserError(f"{name}, row {first_row}: dates or numbers stand where the names of columns should be. If the "
                        f"file has no header row, name its {len(names)} columns in client.yml, in their order (names: "
                        "[order_id, customer_id, ...]).")
    return names


def _one_name_each(rows: list[list[str]]) -> tuple[str, ...]:
    """Several header rows as one. A blank cell above another one belongs to what stands on its left, as where a
    question stands over the first of its answers only."""
    columns = [list(cells) for cells in zip_longest(*rows, fillvalue="")]
    for left, here in pairwise(columns):
        for level in range(len(rows) - 1):
            if here[level] or not any(here[level + 1:]):
                break
            here[level] = left[level]
    return tuple(" · ".join(cell for cell in cells if cell) for cells in columns)


def _records(text: Iterable[str], delimiter: str, strict: bool = False) -> Iterator[tuple[int, int, list[str]]]:
    """Row number, line number and cells of each record, as a spreadsheet counts them: blank rows count."""
    reader = csv.reader(text, delimiter=delimiter, strict=strict)
    for row, cells in enumerate(reader, start=1):
        yield row, reader.line_num, [cell.strip() for cell in cells]


def _fast_batches(text: Text, width: int, lines: int, delimiter: str) -> Iterator[pa.RecordBatch]:
    """The rows below the first `lines`. They cannot be relied on where rows differ in length (pa.ArrowInvalid), a
    quotation mark stands open, or rows and lines differ in number: then cells run over several lines, on purpose or
    because of stray quotation marks."""
    names = [str(position) for position in range(width)]
    kind = pa.dictionary(pa.int32(), pa.string())
    return pa.csv.open_csv(
        Stream(text.blocks()),
        read_options=pa.csv.ReadOptions(column_names=names, skip_rows=lines, block_size=BLOCK),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, kind)))


def _careful_rows(text: Text, width: int, header_row: int, delimiter: str) -> Iterator[tuple[str, ...]]:
    """The same, row by row: short rows are filled up with blanks, a row that is too long stops."""
    row = header_row
    try:
        for row, _, cells in _records(io.TextIOWrapper(io.BufferedReader(Stream(text.blocks())), "utf-8", newline=""),
                                      delimiter, strict=True):
            if any(cells[width:]):
                raise UserError(f"{text.name}, row {row}: {len(cells)} cells under {width} column names. A "
                                f"'{delimiter}' within a cell needs quotation marks round the cell; correct the row.")
            if row > header_row:
                yield tuple((cells + [""] * width)[:width])
    except csv.Error as error:
        raise UserError(f"{text.name}, row {row + 1}: a quotation mark is out of place or never closed "
                        f"({error}). Correct the row.") from None


# ---------------------------------------------------------------- Parquet, Excel, SQLite
def _parquet(paths: list[Path], name: str, wanted: Wanted, folder: Path | None = None) -> RawFile:
    """One file, or the parts in a `folder`."""
    headers, batches = databases.parquet(paths, name, CELLS, folder)
    return from_arrow(name, batches, headers, wanted)


def _of_a_spreadsheet(sheet: Iterator[tuple], name: str, source: Source, wanted: Wanted) -> RawFile:
    """The first row with a cell in it bears the headers. Rows without any below the last one with one do not count:
    sheets may have a million of them."""
    filled = ((row, cells) for row, cells in enumerate(sheet, start=1) if any(cell is not None for cell in cells))
    top = list(islice(filled, 1 if source.names else source.header_rows))
    if not top:
        raise UserError(f"{name} is empty. Export it again.")
    words = [["" if cell is None else str(cell).strip() for cell in cells] for _, cells in top]
    if source.names and not any(words[0][len(source.names):]):  # a sheet may be wider than what is in it
        words = [(words[0] + [""] * len(source.names))[:len(source.names)]]
    headers = _names(words, top[0][0], name, source, wanted)
    header_row = 0 if source.names else top[-1][0]
    nothing = (None,) * len(headers)

    def table() -> Iterator[tuple]:
        last = header_row
        for row, cells in chain(top if source.names else (), filled):
            yield from repeat(nothing, row - last - 1)
            yield (*cells, *nothing)[:len(headers)]
            last = row

    return from_rows(name, headers, table(), wanted, header_row + 1, DIGITS_OF_A_SPREADSHEET)


def _sqlite(path: Path, name: str, source: Source, wanted: Wanted) -> RawFile:
    with databases.sqlite(path, name, source) as (headers, rows):
        return from_rows(name, headers, rows, wanted)


def _postgresql(source: Source, wanted: Wanted) -> RawFile:
    which = f"table {source.table}" if source.table else "query" if source.query else "its table"
    with databases.postgresql(source) as (headers, rows):
        return from_rows(f"{databases.base_name(source)}, {which}", headers, rows, wanted)
