"""The action list as files for the owner: a CSV with every customer, and a workbook with the first few thousand.

Both lie in the client's private folder, with the customers' own ids, for the owner alone to read.
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime

import pandas as pd

from loyalty_helpers.core import store
from loyalty_helpers.core.findings import count
from loyalty_helpers.core.settings import Client
from loyalty_helpers.customers.actions import COLUMNS
from loyalty_helpers.ingest import pseudonyms
from loyalty_helpers.report import gate as privacy

MOST_ROWS = 5000  # of the workbook: more than anybody calls, and it opens at once
FONT = "Calibri"
WHERE = ("Whoever must not be contacted is kept off this list by a list of theirs: put the file in the client's folder "
         "and name it under sources, opt_outs, in client.yml (data/README.md says how).")
LONG_AGO = datetime(2000, 1, 1)  # in place of the moment of writing, so that the same list gives the same bytes
MONEY, SHARE, ONE_DIGIT, TWO_DIGITS = "#,##0", "0 %", "0.0", "0.00"
# column -> heading, width in letters, format of the numbers, what it says; "{money}" is margin or revenue
SHOWN = {
    "customer_id": ("customer", 24, "", "The customer's number or address as in your exports."),
    "segment": ("segment", 19, "", "One of eleven groups by how recently, how often and for how much they bought."),
    "value_group": ("value group", 12, "", "A coarser grouping by value and habit."),
    "score": ("loyalty score", 9, ONE_DIGIT, "From 0 to 100: the customer's place among all of your customers."),
    "level": ("level", 13, "", "The loyalty level by the rules in your settings."),
    "last_order": ("last order", 11, "yyyy-mm-dd", "The day of the last order."),
    "recency_days": ("days since", 8, "0", "Days from the last order to the end of the data."),
    "orders": ("orders", 8, "#,##0", "Orders in all."),
    "spend": ("spent in all", 12, MONEY, "Money in all, refunds taken off."),
    "spend_last_year": ("spent in last year", 12, MONEY, "Money in the last 364 days, refunds taken off."),
    "order_value": ("usual order", 11, MONEY, "What an order of this customer usually comes to; after few orders "
                    "drawn towards what all your customers spend."),
    "days_bought": ("days bought", 9, "0", "Different days on which they bought."),
    "usual_gap_days": ("usual gap in days", 10, ONE_DIGIT, "How many days usually lie between two days on which they "
                       "buy (the median); blank with fewer than five such days."),
    "gaps_overdue": ("usual gaps past due", 10, ONE_DIGIT, "How many usual gaps have passed since the order was due; "
                     "0: not late yet; from 3 on overdue, a silence of four usual gaps."),
    "expected_orders": ("expected orders", 10, TWO_DIGITS, "Orders to expect in the next {weeks}: a forecast, an "
                        "average over customers alike; blank where that cannot be told."),
    "chance_to_buy": ("chance to buy", 9, SHARE, "The chance that they buy at all in the next {weeks}; blank "
                      "where that cannot be told."),
    "still_customer": ("chance still a customer", 10, SHARE, "The chance that they have not left; blank where that "
                       "cannot be told."),
    "usual_value": ("usual {money}", 11, MONEY, "The {money} they would bring in {weeks} at their usual pace."),
    "value_at_risk": ("value at risk", 11, MONEY, "That {money}, times the chance that they have left: what is lost "
                      "if they stay away; blank where that chance cannot be told."),
    "value_of_acting": ("worth a call", 11, MONEY, "The value at risk, times the chance that they have not left; "
                        "nothing for who is not late yet, sure to come, or long gone. Where no chance can be "
                        "told: a quarter of the {money}, for overdue regulars. The list is sorted by it. Rough, "
                        "and it does not say what a call achieves."),
    "reason": ("why", 62, "", "What they did, and how it compares with their own habit."),
    "action": ("what to do", 80, "", "From the table of actions, which you may change: a file actions.csv in the "
               "client's folder."),
}
DIGITS = {"score": 1, "usual_gap_days": 1, "gaps_overdue": 2, "expected_orders": 3, "chance_to_buy": 3,
          "still_customer": 3, "order_value": 2, "spend": 2, "spend_last_year": 2}


def keep(listed: pd.DataFrame, ids: pd.DataFrame, shop: Client, *, sentences: list[str], weeks: int = 13) -> str:
    """Write private/action_list.csv (every customer) and action_list.xlsx (MOST_ROWS at most); a sentence about them.

    `listed` as from `actions.action_list`, `ids` as from `tables.read_ids`; `sentences` (how the list is sorted, who is
    left out) stand at the head of the workbook's explanations. `weeks` is how far the forecast looks ahead.
    """
    owners = pseudonyms.named(listed, ids)[list(COLUMNS)].round(DIGITS)
    store.save_private(shop, "action_list", owners)
    cut = (f"The workbook holds the first {MOST_ROWS:,} of {count(len(owners), 'customer')}; action_list.csv has all."
           if len(owners) > MOST_ROWS else "")
    explained = explanations(shop, weeks=weeks)
    said = [*sentences, WHERE, *([cut] if cut else [])]
    store.keep_private(shop, "action_list.xlsx", workbook(owners.head(MOST_ROWS), explained, said))
    of = f" of {count(len(owners), 'customer')}" if privacy.least(shop) == 1 else ""  # who opted out could be counted
    return f"The list{of} is in private/action_list.xlsx and .csv. {cut}".strip()


def explanations(shop: Client, *, weeks: int) -> pd.DataFrame:
    """column (of the CSV), heading (of the workbook), meaning: what each column says, in plain words."""
    words = {"{money}": "revenue" if shop.program.gross_margin is None else "margin", "{weeks}": count(weeks, "week")}

    def filled(text: str) -> str:
        return re.sub(r"\{\w+\}", lambda found: words[found[0]], text)

    rows = [(column, filled(heading), filled(meaning)) for column, (heading, _, _, meaning) in SHOWN.items()]
    return pd.DataFrame(rows, columns=["column", "heading", "meaning"])


def workbook(rows: pd.DataFrame, explained: pd.DataFrame, sentences: list[str]) -> bytes:
    """An XLSX file: the list under headings that stay in sight, and a sheet "Read me" that explains the columns.

    Texts are texts, whatever sign they begin with: no cell is a formula. The same list gives the same bytes.
    """
    from openpyxl import Workbook  # slow to import

    book = Workbook()
    _fill(book.active, rows, explained.set_index("column")["heading"])
    _explain(book.create_sheet("Read me"), explained, sentences)
    book.properties.creator, book.properties.created = "loyalty report", LONG_AGO
    raw = io.BytesIO()
    book.save(raw)
    return _timeless(raw.getvalue())


def _fill(sheet, rows: pd.DataFrame, headings: pd.Series) -> None:
    from openpyxl.styles import Alignment
    from openpyxl.utils import get_column_letter

    sheet.title = "Customers"
    shown = list(SHOWN)
    _put(sheet, 1, [headings[column] for column in shown], bold=True)
    sheet.row_dimensions[1].height = 32
    for number, column in enumerate(shown, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = SHOWN[column][1]
        sheet.cell(1, number).alignment = Alignment(wrap_text=True, vertical="top")
    formats = [SHOWN[column][2] for column in shown]
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
    _put(sheet, 1, ["Read me"], bold=True)
    for place, sentence in enumerate(sentences, start=2):
        _put(sheet, place, [sentence])
        sheet.merge_cells(start_row=place, start_column=1, end_row=place, end_column=2)
        sheet.cell(place, 1).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.row_dimensions[place].height = 15 * (1 + len(sentence) // 115)
    begin = len(sentences) + 3
    _put(sheet, begin, ["Column", "What it says"], bold=True)
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
