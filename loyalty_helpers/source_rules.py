"""Which rows of a source count, by what its settings say and by what stands in the row itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from loyalty_helpers import meaning, reading, survey
from loyalty_helpers.client import Rule
from loyalty_helpers.core.columns import FIRST_BY, MOMENT, MONEY, OF_SURVEYS, POINT_KINDS
from loyalty_helpers.core.errors import UserError, suggest
from loyalty_helpers.formats import loose
from loyalty_helpers.source_columns import column_named, stop_lacking
from loyalty_helpers.source_copies import codes
from loyalty_helpers.source_stages import Converted, Priced, Read

Stage = TypeVar("Stage", bound=Converted)
TOO_MUCH = 1e12  # no amount reaches this; a telephone number in the wrong column may
TOTALS = frozenset(["total", "totals", "grand total", "total general", "summe", "gesamt", "gesamtsumme", "somme",
                    "totaux", "合计", "总计", "总和", "小计"])
# rows that are kept, and that a reader should know of: what their product (or number, or address) looks like
LOOKS_LIKE = {
    "looks like a test order": r"(?i)\btest(er|ing|s)?\b|测试",
    "looks like a gift card sold": r"(?i)\bgift[ -]?(card|certificate|voucher)s?\b|gutschein|carte cadeau"
                                   r"|礼品卡|储值卡",
    "looks like shipping, a fee or a correction":
        r"(?i)^(postage|carriage|shipping|delivery|manual|adjust\w*|bank charges|amazon ?fee|bad debt|discount|fees?)\b"
        r"|^(post|dot)$|^(运费|邮费|补差价)",
}


# ---------------------------------------------------------------- rules of the settings
def first_of_order_only(sheet: Read, columns: dict[str, list], order: np.ndarray) -> bool:
    """Whether these files say what concerns a whole order on its first row only: date, customer or total of its other
    rows are blank. `order` is a whole number for each order of all files."""
    each = pd.Series(codes([sheet.file, order]))
    first = ~each.duplicated().to_numpy()
    several = each.duplicated(keep=False).to_numpy() & (order > 0)
    for column in {"order_total", MOMENT[sheet.name], "customer_id", "email"} & columns.keys():
        filled = sheet.by_file(columns[column], [one.codes >= 0 for one in columns[column] if one is not None])
        if several.any() and filled[several & first].mean() > 0.5 and filled[several & ~first].mean() < 0.1:
            return True
    return False


def matching(sheet: Converted, rule: Rule | None) -> np.ndarray:
    """The rows that pass a rule and all that go with it; none where there is no rule."""
    if rule is None:
        return np.zeros(len(sheet.row), bool)
    return np.logical_and.reduce([_passing(sheet, replace(one, optional=rule.optional)) for one in (rule, *rule.also)])


def _passing(sheet: Converted, rule: Rule) -> np.ndarray:
    """The rows that pass a single rule; upper and lower case, and blanks at either end, make no difference. In files
    that give an order's fields once a blank cell takes the value of the order's first row."""
    found = [column_named(raw, sheet, rule.column) for raw in sheet.files]
    if not any(found):
        if rule.optional:
            return np.zeros(len(sheet.row), bool)
        stop_lacking(sheet, sheet.files[0], rule.column[0], ", in a rule")
    values = tuple(loose(value) for value in rule.values)
    test = {"starts_with": lambda word: word.startswith(values), "equals": lambda word: word in values,
            "contains": lambda word: any(value in word for value in values),
            "lacks": lambda word: not any(value in word for value in values),
            "other_than": lambda word: word not in values,
            "is": lambda word: (word == "") == (values == ("blank",))}[rule.test]
    passing = []
    for number, (raw, column) in enumerate(zip(sheet.files, found, strict=True)):
        if column is None:
            passing.append(np.zeros(raw.rows, bool))
            continue
        words = ["" if word in meaning.NOTHING else word for word in map(loose, column.text.to_pylist())]
        passes = np.array([*map(test, words), test("")])
        passing.append(passes[_from_other_rows(column.codes, sheet.order_codes[sheet.file == number])
                              if sheet.by_line and sheet.gives_order_fields_once else column.codes])
    return np.concatenate(passing)


def _from_other_rows(place: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Codes of cells, blank ones (-1) from the first row of the same order. A sign such as "-" is no blank:
    whoever writes it says something of that very row."""
    first = np.empty(order.max(initial=0) + 1, place.dtype)
    first[order[::-1]] = place[::-1]
    return np.where((place < 0) & (order > 0), first[order], place)


def by_settings(sheet: Stage) -> Stage:
    """Set aside what is blank, what adds other rows up, and what the settings say."""
    sheet = sheet.set_aside("blank row", np.concatenate([raw.blank for raw in sheet.files]))
    sheet = sheet.set_aside("totals row", _totals_rows(sheet))
    for reason, rule in sheet.source.set_aside.items():
        sheet = sheet.set_aside(reason, matching(sheet, rule))
    return sheet


def _totals_rows(sheet: Converted) -> np.ndarray:
    """Rows without a date that begin, in a column of names, with "Total": counted, they would double the revenue."""
    moment = MOMENT.get(sheet.name)
    if moment is None:
        return np.zeros(len(sheet.row), bool)
    names = ("order_id", "customer_id", "email", "product", "shop", "category", "channel", moment)

    def is_total(text: pa.Array) -> pa.Array:
        return pc.is_in(pc.utf8_rtrim(pc.utf8_lower(text), ":"), pa.array([*TOTALS]))

    return _said_in(sheet, names, is_total) & sheet.cells[moment].isna().to_numpy()


def _said_in(sheet: Converted, names: tuple[str, ...], test) -> np.ndarray:
    """The rows of which a cell in one of these columns passes a test of texts."""
    found = np.zeros(len(sheet.row), bool)
    for those in (sheet.columns.get(column, ()) for column in names):
        for number, one in enumerate(those):
            if one is not None:
                hit = test(reading.stripped(one.text)).to_numpy(zero_copy_only=False)
                found[sheet.file == number] |= np.append(hit, False)[one.codes]
    return found


def remark_looks(sheet: Priced) -> Priced:
    """Rows that count and perhaps should not, by what stands in their columns of names."""
    for check, pattern in LOOKS_LIKE.items():
        names = ("product", *(["order_id", "email"] if "test" in check else []))
        sheet = sheet.remark(check, "flagged", _said_in(
            sheet, names, lambda text, pattern=pattern: pc.match_substring_regex(text, pattern)))
    return sheet


def stop_at_bad_cells(sheet: Converted) -> None:
    """Stop at a cell that cannot be read in a row that is not set aside."""
    aside = f"in a copy of the file, or set the row aside in client.yml (sources.{sheet.name}.set_aside)."
    for column, bad in sheet.bad.items():
        kind = sheet.cells[column].dtype.kind if column in sheet.cells else "f"
        if kind == "M":
            sheet.stop_at(bad, column, "is not a date that can be read", f"Write it as 2025-03-31 {aside}")
        elif kind == "f":
            stands_for = f"Say what number it stands for in client.yml (sources.survey.answers.{column}), or correct it"
            sheet.stop_at(bad, column, "is not a number",
                          f"{stands_for if sheet.name == 'survey' else 'Correct it'} {aside}")
        else:
            sheet.stop_at(bad, column, "is a number whose last digits a spreadsheet has dropped, so that different ids "
                          "look alike", "Export it again without opening it in a spreadsheet.")
    if sheet.name in MONEY:
        sheet.stop_at((sheet.cells["amount"].abs() >= TOO_MUCH).to_numpy(),
                      next(one for one in ("order_total", "amount", "unit_price") if one in sheet.headers),
                      "is too large for money", f"Check which column is the amount, or correct it {aside}")


# ---------------------------------------------------------------- orders
def judge_orders(sheet: Priced) -> Priced:
    """Refunds, what a line takes from its order, and what was given away."""
    cells, refund = sheet.cells, matching(sheet, sheet.source.refunds)
    turned = refund & (cells["amount"] > 0).to_numpy()
    sheet = sheet.with_cells(amount=cells["amount"].mask(turned, -cells["amount"]))
    sheet = sheet.remark("refund written as a positive amount", "changed", turned)
    for column in ("refunded", "order_refunded"):
        if column in cells:
            sheet = sheet.remark("refunded part taken off the order", "changed",
                                 cells[column].fillna(0).ne(0).to_numpy())
    if "order_id" in sheet.columns:
        sheet = sheet.set_aside("no order number", cells["order_id"].isna().to_numpy())
    if sheet.by_line:
        sheet = _fill_from_other_lines(sheet)
        return (sheet if "line_amount" in cells else _judge_free_lines(sheet)).with_cells(is_refund=refund)
    sheet = sheet.set_aside("no amount", cells["amount"].isna().to_numpy())
    refund = refund | (sheet.cells["amount"] < 0).to_numpy()
    return sheet.with_cells(is_refund=refund).remark("refund", "flagged", refund)


def _judge_free_lines(sheet: Priced) -> Priced:
    """Lines without a price: stock written off where nobody bought them, given away where somebody did."""
    cells = sheet.cells
    free = ((cells["amount"] == 0) & cells["customer_id"].isna()).to_numpy()
    negative = cells["quantity"].lt(0).to_numpy() if "quantity" in cells else np.zeros(len(cells), bool)
    sheet = sheet.set_aside("stock write-offs", free & negative).set_aside("no charge", free)
    return sheet.remark("no charge, customer known", "flagged", cells["amount"].eq(0).to_numpy())


def _fill_from_other_lines(sheet: Priced) -> Priced:
    """Some exports give customer and date only on an order's first line: the other lines take them from there, even if
    that line itself does not count."""
    kept, order = sheet.kept, sheet.order_codes
    orders = order.max() + 1
    for column in ("customer_id", "ordered_at"):
        place, distinct = pd.factorize(sheet.cells[column], sort=True)
        known, nothing = place >= 0, len(distinct)
        first, last = np.full(orders, nothing), np.full(orders, -1)  # of the order's values, by name or time
        np.minimum.at(first, order[known], place[known])
        np.maximum.at(last, order[known], place[known])
        if column == "customer_id":  # an order number with several customers tells nothing of the other lines
            shared = first < last
            sheet = sheet.remark("one order number, several customers", "flagged", shared[order])
            first[shared] = nothing
        filled = kept & (place < 0) & (first[order] < nothing)
        sheet = sheet.remark(f"{'customer' if column == 'customer_id' else 'date'} taken from another line of the "
                             "order", "changed", filled)
        if filled.any():
            values = sheet.cells[column].copy()
            values[filled] = distinct.take(first[order[filled]])
            sheet = sheet.with_cells(**{column: values})
    amount = sheet.cells["amount"]
    priced = np.zeros(orders, bool)
    priced[order[kept & amount.notna().to_numpy()]] = True
    return sheet.set_aside("no amount", amount.isna().to_numpy() & ~priced[order])


# ---------------------------------------------------------------- people, points and answers
def judge_people(sheet: Priced) -> Priced:
    """One row per customer: of members the first to join. Nobody can have been drawn for two arms."""
    order = FIRST_BY[sheet.name]
    rows = sheet.cells[sheet.kept].sort_values([order, *(column for column in sheet.cells if column != order)])
    if sheet.name == "assignment":
        other = rows["arm"] != rows.groupby("customer_id")["arm"].transform("first")
        sheet.stop_at(sheet.having(rows.index[other]), "arm", "contradicts another row of the same customer",
                      "Find out which arm is true, and remove the other row in a copy of the file.")
    if sheet.name == "members":
        sheet = sheet.remark("no join date", "flagged", sheet.cells["joined_at"].isna().to_numpy())
    return sheet.set_aside("duplicate member" if sheet.name == "members" else "duplicate customer",
                           sheet.having(rows.index[rows["customer_id"].duplicated()]))


def judge_points(sheet: Priced) -> Priced:
    """Only points of a known kind can be added up."""
    kind = sheet.cells["kind"].str.lower()
    sheet.stop_at((kind.notna() & ~kind.isin(POINT_KINDS)).to_numpy(), "kind", "is not a kind of points entry",
                  f"Known kinds: {', '.join(POINT_KINDS)}. Rename the others in a copy of the file.")
    return sheet.with_cells(kind=kind)


def judge_survey(sheet: Priced) -> Priced:
    """Partial answers count, as far as they go; a wave that is not named follows from the date."""
    _check_scales(sheet)
    cells, launch = sheet.cells, sheet.client.program.launched_on
    numbers = [column for column in cells.select_dtypes("number") if column in sheet.columns]
    given = cells[numbers].notna().to_numpy(dtype=bool)
    blank = [np.array([one is not None for one in sheet.columns[column]])[sheet.file] & cells[column].isna().to_numpy()
             for column in numbers]  # in a file that asks the question
    said = cells[[column for column in cells if column.startswith(("comment_", "choice_"))]].notna().any(axis=1)
    wave = survey.waves(cells["answered_at"], cells["wave"], None if launch is None else pd.Timestamp(launch))
    return (sheet.remark("partly answered", "flagged", given.any(axis=1) & np.any(blank, axis=0))
            .remark("no question answered", "flagged", ~given.any(axis=1) & ~said.to_numpy())
            .remark("neither date nor wave", "flagged", cells[["answered_at", "wave"]].isna().all(axis=1).to_numpy())
            .remark("wave taken from the date", "changed", (cells["wave"].isna() & wave.notna()).to_numpy())
            .with_cells(wave=wave))


def _check_scales(sheet: Priced) -> None:
    answers = [column for column in sheet.cells if sheet.cells[column].dtype.kind == "f"]
    asked = [column for column in answers if column in sheet.columns]
    if not asked and not any(column.startswith(tuple(OF_SURVEYS)) for column in sheet.columns):
        raise UserError(f"{sheet.folder}/{sheet.files[0].name} has no column of answers. Say in client.yml which is "
                        "nps, csat, ces, driver_..., comment_... or choice_... (sources.survey.columns), or take "
                        "'survey' out of it.")
    for column in sheet.source.answers:
        if column not in ("*", *answers):
            raise UserError(f"client.yml: sources.survey.answers has '{column}', which is no question of the survey."
                            f"{suggest(column, answers)} Questions: {', '.join(answers)}; \"*\" for all.")
    scales = {"nps": survey.NPS_SCALE} | sheet.source.scale
    for column in [column for column in asked if column not in scales]:
        outside = (~sheet.cells[column].between(0, 10) & sheet.cells[column].notna()).to_numpy()
        sheet.stop_at(outside, column, "is on no usual scale (1 to 5, 1 to 7, 0 to 10)",
                      f"Give the worst and best answer in client.yml (sources.survey.scale.{column}: [0, 100], say), "
                      "or correct it in a copy of the file.")
    for column, ends in scales.items():
        if column not in answers:
            raise UserError(f"client.yml: sources.survey.scale has '{column}', which is no question of the survey."
                            f"{suggest(column, answers)} Questions: {', '.join(answers)}.")
        outside = (~sheet.cells[column].between(*sorted(ends)) & sheet.cells[column].notna()).to_numpy()
        sheet.stop_at(outside, column, f"is outside the scale from {min(ends):g} to {max(ends):g}",
                      f"Correct it in a copy of the file, or the scale in client.yml (sources.survey.scale.{column}).")
