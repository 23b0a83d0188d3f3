"""The action list as files for the owner: a CSV with every customer, and a workbook with the first few thousand.

Both lie in the client's private folder, with the customers' own ids, for the owner alone to read.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from loyalty_helpers.core import store
from loyalty_helpers.core.messages import Message, Persons, message
from loyalty_helpers.core.settings import Client, UserError, suggest
from loyalty_helpers.customers import levels, rhythm
from loyalty_helpers.ingest import pseudonyms
from loyalty_helpers.report import tables
from loyalty_helpers.report.wording import words

MOST_ROWS = 5000  # of the workbook: more than anybody calls, and it opens at once
FONT = "Calibri"
LONG_AGO = datetime(2000, 1, 1)  # in place of the moment of writing, so that the same list gives the same bytes
MONEY, SHARE, ONE_DIGIT, TWO_DIGITS = "#,##0", "0 %", "0.0", "0.00"
# column -> width in letters, format of the numbers; the catalogue has heading and meaning (book-customer-id, ...-what)
SHOWN = {
    "customer_id": (24, ""), "segment": (19, ""), "value_group": (12, ""), "score": (9, ONE_DIGIT), "level": (13, ""),
    "last_order": (11, "yyyy-mm-dd"), "recency_days": (8, "0"), "orders": (8, "#,##0"), "spend": (12, MONEY),
    "spend_last_year": (12, MONEY), "order_value": (11, MONEY), "days_bought": (9, "0"),
    "usual_gap_days": (10, ONE_DIGIT), "gaps_overdue": (10, ONE_DIGIT), "expected_orders": (10, TWO_DIGITS),
    "chance_to_buy": (9, SHARE), "still_customer": (10, SHARE), "usual_value": (11, MONEY),
    "value_at_risk": (11, MONEY), "value_of_acting": (11, MONEY), "reason": (62, ""), "action": (80, ""),
}
DIGITS = {"score": 1, "usual_gap_days": 1, "gaps_overdue": 2, "expected_orders": 3, "chance_to_buy": 3,
          "still_customer": 3, "order_value": 2, "spend": 2, "spend_last_year": 2}


# ---------------------------------------------------------------- what to do for whom
def load_actions(folder: Path | None = None) -> pd.DataFrame:
    """What to do for each segment: scheme, segment, action; `actions.csv` in the client's `folder` replaces lines.

    The client's file has the same three columns, names as the report shows them, and only the lines to be changed; a
    blank action keeps the standard one. Raises UserError for unknown columns, schemes or segments.
    """
    rows = [(scheme, segment, words(Message(tables.key("action", f"{scheme} {segment}"))))
            for scheme, (_, segments) in levels.SCHEMES.items() for segment in segments]
    standard = pd.DataFrame(rows, columns=["scheme", "segment", "action"])
    own = Path(folder) / "actions.csv" if folder is not None else None
    if own is None or not own.exists():
        return standard
    try:
        changed = pd.read_csv(own, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(f"{own.name} cannot be read: save it as CSV in UTF-8 with the columns scheme, segment, action "
                        f"({error}).") from None
    if list(changed.columns) != list(standard.columns):
        raise UserError(f"{own.name} has the columns {', '.join(changed.columns)}; needed: scheme, segment, action.")
    names = [_known(own, row, *pair) for row, pair in enumerate(zip(changed["scheme"], changed["segment"], strict=True),
                                                               start=2)]
    changed = changed.assign(scheme=[one for one, _ in names], segment=[one for _, one in names])
    changed = changed[changed["action"].str.strip() != ""]
    return pd.concat([standard, changed]).drop_duplicates(["scheme", "segment"], keep="last", ignore_index=True)


def _known(own: Path, row: int, scheme: str, segment: str) -> tuple[str, str]:
    """Scheme and segment of a row of the client's file, from their names in words; UserError where they are unknown."""
    schemes = {words(Message(tables.key("scheme", one))): one for one in levels.SCHEMES}
    segments = levels.SCHEMES[schemes[scheme]][1] if scheme in schemes else ()
    named = {words(Message(tables.key("place", one))): one for one in segments}
    for column, word, known in (("scheme", scheme, schemes), ("segment", segment, named)):
        if word not in known:
            raise UserError(f"{own.name}, row {row}, column {column}: '{word}' is not one of {', '.join(known)}."
                            f"{suggest(word, known)}")
    return schemes[scheme], named[segment]


def actions_for(listed: pd.DataFrame, actions: pd.DataFrame) -> pd.Series:
    """What to do for each customer of `actions.action_list`, by `load_actions`."""
    todo = actions[actions["scheme"].isin(["RFM segment", "Rhythm"])].set_index("segment")["action"]
    return listed["action_for"].map(todo)


def reasons(listed: pd.DataFrame) -> pd.Series:
    """Why somebody stands where they stand on the list: what they did, and how that compares with their own habit.

    Put in words once for each way of saying it, however long the list.
    """
    ago, gap = (_each(listed[name], said) for name, said in (("recency_days", rhythm.span),
                                                             ("usual_gap_days", rhythm.every)))
    late = listed["gaps_overdue"]
    kind = pd.Series("several", index=listed.index).mask(listed["days_bought"] == 1, "once")
    kind = kind.mask(listed["usual_gap_days"].notna(), "regular").mask(late > 0, "late").mask(
        late >= rhythm.OVERDUE, "overdue")
    days = listed["days_bought"].where(kind == "several", 0)  # said of nobody else
    ways = pd.DataFrame({"kind": kind, "ago": ago, "gap": gap, "days": days})
    place = ways.groupby([*ways], sort=False).ngroup()
    said = [words(message(f"reason-{one.kind}", ago=one.ago, gap=one.gap, days=int(one.days)))
            for one in ways.drop_duplicates().itertuples()]
    return place.map(dict(enumerate(said))).astype("str")


def _each(values: pd.Series, said) -> pd.Series:
    """Words for each value; each distinct one is put in words once. "" where it is missing."""
    found = {value: words(said(value)) for value in values.dropna().unique()}
    return values.map(found).astype("object").where(values.notna(), "")


# ---------------------------------------------------------------- the files
def keep(listed: pd.DataFrame, ids: pd.DataFrame, shop: Client, *, said: Sequence[Message], customers: int,
         weeks: int = 13) -> list[Message]:
    """Write private/action_list.csv (every customer) and action_list.xlsx (MOST_ROWS at most); what was written.

    `listed` as from `actions.action_list`, `ids` as from `tables.read_ids`; what is `said` (how the list is sorted, who
    is left out) stands at the head of the workbook's explanations. `customers` are all who could be listed. `weeks` is
    how far the forecast looks ahead.
    """
    named = {name: tables.named(listed[name], "place") for name in ("segment", "value_group", "level")}
    listed = listed.assign(**named, reason=reasons(listed), action=actions_for(listed, load_actions(shop.folder)))
    owners = pseudonyms.named(listed, ids)[list(SHOWN)].round(DIGITS)
    store.save_private(shop, "action_list", owners)
    all_of_them = Persons(len(owners), of=customers)
    cut = [message("book-cut", most=MOST_ROWS, customers=all_of_them)] if len(owners) > MOST_ROWS else []
    explained = explanations(shop, weeks=weeks)
    read_me = [words(one) for one in [*said, message("book-opt-outs"), *cut]]
    store.keep_private(shop, "action_list.xlsx", workbook(owners.head(MOST_ROWS), explained, read_me))
    return [message("book-kept", customers=all_of_them), *cut]


def explanations(shop: Client, *, weeks: int) -> pd.DataFrame:
    """column (of the CSV), heading (of the workbook), meaning: what each column says, in plain words."""
    facts = {"money": "revenue" if shop.program.gross_margin is None else "margin", "weeks": weeks}
    keys = {column: f"book-{column.replace('_', '-')}" for column in SHOWN}
    return pd.DataFrame([(column, words(message(key, **facts)), words(message(f"{key}-what", **facts)))
                         for column, key in keys.items()], columns=["column", "heading", "meaning"])


def workbook(rows: pd.DataFrame, explained: pd.DataFrame, sentences: list[str]) -> bytes:
    """An XLSX file: the list under headings that stay in sight, and a sheet "Read me" that explains the columns.

    Texts are texts, whatever sign they begin with: no cell is a formula. The same list gives the same bytes.
    """
    from openpyxl import Workbook  # slow to import

    book = Workbook()
    _fill(book.active, rows, explained.set_index("column")["heading"])
    _explain(book.create_sheet(words(message("book-read-me"))), explained, sentences)
    book.properties.creator, book.properties.created = "loyalty report", LONG_AGO
    raw = io.BytesIO()
    book.save(raw)
    return _timeless(raw.getvalue())


def _fill(sheet, rows: pd.DataFrame, headings: pd.Series) -> None:
    from openpyxl.styles import Alignment
    from openpyxl.utils import get_column_letter

    sheet.title = words(message("book-customers"))
    shown = list(SHOWN)
    _put(sheet, 1, [headings[column] for column in shown], bold=True)
    sheet.row_dimensions[1].height = 32
    for number, column in enumerate(shown, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = SHOWN[column][0]
        sheet.cell(1, number).alignment = Alignment(wrap_text=True, vertical="top")
    formats = [SHOWN[column][1] for column in shown]
    for place, row in enumerate(rows[shown].astype(object).itertuples(index=False), start=2):
        _put(sheet, place, row, formats=formats)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(shown))}{max(len(rows) + 1, 2)}"
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "1:1"


def _explain(sheet, explained: pd.DataFrame, sentences: list[str]) -> None:
    from openpyxl.styles import Alignment

    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 24, 100
    _put(sheet, 1, [words(message("book-read-me"))], bold=True)
    for place, sentence in enumerate(sentences, start=2):
        _put(sheet, place, [sentence])
        sheet.merge_cells(start_row=place, start_column=1, end_row=place, end_column=2)
        sheet.cell(place, 1).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.row_dimensions[place].height = 15 * (1 + len(sentence) // 115)
    begin = len(sentences) + 3
    _put(sheet, begin, [words(message("book-column")), words(message("book-meaning"))], bold=True)
    for place, one in enumerate(explained.itertuples(), start=begin + 1):
        _put(sheet, place, [one.heading, one.meaning])
        sheet.cell(place, 2).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.row_dimensions[place].height = 15 * (1 + len(one.meaning) // 95)


def _put(sheet, row: int, values, *, formats: list[str] | None = None, bold: bool = False) -> None:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Font

    for number, value in enumerate(values, start=1):
        if pd.isna(value):
            continue
        cell = sheet.cell(row, number)
        if isinstance(value, str):
            cell.value = ILLEGAL_CHARACTERS_RE.sub("?", value)
            cell.data_type = "s"  # also where it begins like a formula or reads like an error
        else:
            cell.value = value.item() if hasattr(value, "item") else value
        if formats and formats[number - 1]:
            cell.number_format = formats[number - 1]
        if bold:
            cell.font = Font(name=FONT, bold=True)


def _timeless(content: bytes) -> bytes:
    """The same file without the moments at which it and its parts were written."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            data = old.read(part)
            if part.filename == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + f"{LONG_AGO:%Y-%m-%dT%H:%M:%SZ}".encode(),
                              data)
            fresh = zipfile.ZipInfo(part.filename, LONG_AGO.timetuple()[:6])
            fresh.compress_type, fresh.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            new.writestr(fresh, data)
    return out.getvalue()
