"""The rows of workbooks, of either kind that Excel writes.

A reader that holds a whole sheet as a rectangle is fifteen times as fast, but one stray cell in the last corner of a
sheet takes more memory than there is, and ends the run without a word.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

from loyalty_helpers.core.errors import UserError, suggest

Sheets = dict[str, Callable[[], Iterator[tuple]]]  # by title; None where a cell is blank


@contextmanager
def workbook(path: Path, name: str, sheet: str | None) -> Iterator[Iterator[tuple]]:
    """The rows of an .xlsx workbook's sheet. UserError, which begins with `name`, where it cannot be read."""
    import openpyxl  # slow to import, and most exports are CSV

    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on styles and validations, which do not concern us
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            for one in book.worksheets:
                one.reset_dimensions()  # the size that a file declares may be too small
            yield _sheet({one.title: partial(one.iter_rows, values_only=True) for one in book.worksheets}, name, sheet)
    except UserError:
        raise
    except Exception as error:  # openpyxl lets the errors of XML, zip and many of its own through
        raise UserError(f"{name} is an Excel file that cannot be read ({str(error)[:120]}). "
                        "Open it and save it as CSV UTF-8.") from None


@contextmanager
def old_workbook(path: Path, name: str, sheet: str | None) -> Iterator[Iterator[tuple]]:
    """The same of an .xls workbook."""
    import xlrd

    try:
        book = xlrd.open_workbook(path, logfile=io.StringIO())
        yield _sheet({one.name: partial(_old_rows, one, book.datemode) for one in book.sheets()}, name, sheet)
    except UserError:
        raise
    except Exception as error:  # xlrd, too
        raise UserError(f"{name} is an old Excel file that cannot be read, or locked with a password "
                        f"({str(error)[:120]}). Open it and save it as .xlsx or as CSV UTF-8.") from None


def _old_rows(sheet, date_mode: int) -> Iterator[tuple]:
    import xlrd

    def value(cell) -> object:
        if cell.ctype == xlrd.XL_CELL_DATE:
            moment = xlrd.xldate_as_datetime(cell.value, date_mode)
            return moment if cell.value >= 1 else moment.time()
        if cell.ctype == xlrd.XL_CELL_ERROR:
            return xlrd.error_text_from_code[cell.value]
        return bool(cell.value) if cell.ctype == xlrd.XL_CELL_BOOLEAN else None if cell.value == "" else cell.value

    return (tuple(map(value, sheet.row(row))) for row in range(sheet.nrows))


def _sheet(sheets: Sheets, name: str, sheet: str | None) -> Iterator[tuple]:
    """The rows of the sheet that is asked for, or else of the only one with data."""
    if sheet is not None and sheet not in sheets:
        raise UserError(f"{name} has no sheet '{sheet}'.{suggest(sheet, sheets)} Sheets there: {', '.join(sheets)}.")
    sheets = {title: rows for title, rows in sheets.items() if sheet in (None, title)}
    filled = [title for title, rows in sheets.items() if len(list(islice(rows(), 2))) == 2]
    if len(filled) > 1:
        raise UserError(f"{name} has several sheets with data: {', '.join(filled)}. "
                        "Say in client.yml which to read (sheet: ...).", sheets=tuple(filled))
    return sheets[(filled or [*sheets])[0]]()
