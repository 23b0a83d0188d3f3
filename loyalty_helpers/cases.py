"""The library of published cases: what others measured, how well, and what may be set beside a client's own change.

Nothing is averaged: results of different evidence grades stay apart, results in different units are never compared,
and only rows marked comparable enter a chart. A client's number beside them is a change, not an effect.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from loyalty_helpers import findings
from loyalty_helpers.client import ROOT
from loyalty_helpers.core.errors import UserError, suggest
from loyalty_helpers.findings import Change

LIBRARY = ROOT / "data" / "case_studies.csv"
NUMBERS = ("before", "after", "effect", "low", "high")
REQUIRED = ("case_id", "name_en", "industry", "mechanisms", "kpi_family", "kpi", "design", "quality", "source")
CHOICES = {
    "comparison": ("time", "arms", "model", "meta-analysis", "count", "none"),
    "comparable": ("yes", "no"),
    "grade": tuple("ABCDE"),
}
COLUMNS = ("case_id", "name_en", "name_zh", "industry", "mechanisms", "kpi_family", "kpi", "comparison", "before",
           "after", "effect", "unit", "low", "high", "comparable", "claim", "design", "grade", "quality", "n", "period",
           "source", "source_url", "note")
# KPI family -> the client's KPIs that belong to it, the closest first
MEASURES = {
    "retention": ("retention",),
    "frequency": ("frequency",),
    "spend": ("order_value",),
    "satisfaction": ("csat", "nps"),
    "redemption": ("redemption_members", "redemption_points"),
}
NOT_THE_SAME = {"order_value": "money per order, where the published results are money per customer"}


# ---------------------------------------------------------------- the file
def load(path: Path | None = None) -> pd.DataFrame:
    """The library (or another CSV file of the same columns), checked; blanks stay blank (numbers: missing).

    Raises UserError with file, row (as a spreadsheet counts), column, value and what is allowed.
    """
    path = path or LIBRARY
    rows = list(_rows(path))
    seen: dict[str, int] = {}
    for line, row in rows:
        _check(row, f"{path.name}, row {line}")
        first = seen.setdefault(row["case_id"], line)
        if first != line:
            raise UserError(f"{path.name}, row {line}, column case_id: {row['case_id']!r} stands in row {first} "
                            "already; allowed: each id once.")
    frame = pd.DataFrame([row for _, row in rows], columns=list(COLUMNS), dtype="str")
    return frame.assign(**{name: pd.to_numeric(frame[name].mask(frame[name] == "")) for name in NUMBERS})


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = [row for row in csv.reader(file, strict=True) if row]
    except OSError as error:
        raise UserError(f"{path.name} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path.name} is not a CSV file in UTF-8: {error}. Save it again as such.") from None
    header = table[0] if table else []
    for name in [*header, *COLUMNS]:
        if header.count(name) != 1 or name not in COLUMNS:
            wrong = "is missing" if name not in header else "is not known" if name not in COLUMNS else "stands twice"
            raise UserError(f"{path.name}, row 1: column {name!r} {wrong}; allowed: {', '.join(COLUMNS)}."
                            + (suggest(name, COLUMNS) if name not in COLUMNS else ""))
    for line, row in enumerate(table[1:], start=2):
        if len(row) != len(header):
            raise UserError(f"{path.name}, row {line} has {len(row)} cells, the headings {len(header)}. "
                            "Put cells that contain a comma in double quotes.")
        yield line, {name: cell.strip() for name, cell in zip(header, row, strict=True)}


def _check(row: dict[str, str], at: str) -> None:
    def refuse(column: str, allowed: str) -> None:
        raise UserError(f"{at}, column {column}: {row[column]!r}; allowed: {allowed}")

    for column in REQUIRED:
        if not row[column]:
            refuse(column, "any text, but not blank.")
    for column, known in CHOICES.items():
        if row[column] not in known:
            refuse(column, f"{', '.join(known)}.{suggest(row[column], known)}")
    for column in NUMBERS:
        if row[column] and not re.fullmatch(r"-?\d+(\.\d+)?", row[column], re.ASCII):
            refuse(column, "blank, or a number such as -16 or 11.4, without unit or thousands separator.")
    if row["comparable"] == "yes" and not (row["effect"] and row["unit"]):
        refuse("comparable", "no, unless effect and unit are given.")
    bounds = [float(row[column]) for column in ("low", "effect", "high") if row[column]]
    if bounds != sorted(bounds):
        refuse("effect", "a value from low to high.")


# ---------------------------------------------------------------- choosing rows
def comparable(cases: pd.DataFrame, kpi_family: str | None = None) -> pd.DataFrame:
    """The rows that may stand in a chart, of one KPI family if given, best evidence first."""
    chosen = cases[cases["comparable"] == "yes"]
    if kpi_family is not None:
        chosen = chosen[chosen["kpi_family"] == kpi_family]
    return chosen.sort_values(["kpi_family", "unit", "grade", "case_id"], ignore_index=True)


def filter(
    cases: pd.DataFrame, *, industry: str | None = None, mechanism: str | None = None, kpi: str | None = None
) -> pd.DataFrame:
    """The rows whose industry, one of whose mechanisms, and whose KPI family contain the words given, in any case.

    None means any. A word found nowhere in the library raises UserError; a combination without rows is empty.
    """
    chosen = pd.Series(True, index=cases.index)
    for word, column in ((industry, "industry"), (mechanism, "mechanisms"), (kpi, "kpi_family")):
        if word is None:
            continue
        hit = cases[column].str.contains(word.strip(), case=False, regex=False)
        if not hit.any():
            known = sorted({part for cell in cases[column] for part in _parts(cell)})
            raise UserError(f"No published case has {word!r} in {column}.{suggest(word, known)} "
                            f"Known: {', '.join(known)}.")
        chosen &= hit
    return cases[chosen].reset_index(drop=True)


def _parts(cell: str) -> list[str]:
    """The parts of a cell between semicolons, without details in brackets: "points (coalition)" is "points"."""
    return [re.sub(r"\s*\([^)]*\)", "", part).strip() for part in cell.split(";")]


def _studies(case_ids: pd.Series) -> int:
    """ACA-01a and ACA-01c are results of one study."""
    return case_ids.str.replace(r"(?<=\d)[a-z]$", "", regex=True).nunique()


# ---------------------------------------------------------------- the client beside them
@dataclass(frozen=True, kw_only=True)
class Own:
    """The client's change of one KPI, in the unit of the published results (pp, % or scale points)."""

    kpi: str
    label: str
    unit: str
    estimate: float
    low: float
    high: float
    level: str  # of the interval: "95 %"

    @property
    def sentence(self) -> str:
        digits = findings.digits_for(self.low, self.high, self.unit)
        value, low, high = (_figure(x, self.unit, digits) for x in (self.estimate, self.low, self.high))
        caution = f" ({NOT_THE_SAME[self.kpi]})" if self.kpi in NOT_THE_SAME else ""
        return f"{self.label}{caution} {value} ({self.level} interval {low} to {high}), a change, not an effect"


@dataclass(frozen=True, kw_only=True)
class Family:
    """The comparable published results of one KPI family in one unit, and the client's own change in that unit.

    `results`: case, grade, effect, low, high (the published interval, mostly missing). `own` is None where there is
    nothing to compare, and `why_not` says why.
    """

    family: str
    unit: str
    results: pd.DataFrame
    own: Own | None
    why_not: str = ""

    @property
    def title(self) -> str:
        """What was published, in words; the only claim that holds for any client."""
        ordered = self.results.sort_values("effect")
        low, high = _figure(ordered["effect"].iloc[0], self.unit), _figure(ordered["effect"].iloc[-1], self.unit)
        first, last = (f" (grade {grade})" for grade in ordered["grade"].iloc[[0, -1]])
        name = findings.capital(self.family)
        if len(ordered) == 1:
            return f"{name}: a single comparable published result, {low}{first}"
        study = " of one study" if _studies(ordered["case"]) == 1 else ""
        first = "" if ordered["grade"].nunique() == 1 else first
        return f"{name}: {len(ordered)} comparable published results{study}, from {low}{first} to {high}{last}"

    @property
    def sentence(self) -> str:
        return f"{self.title}; this shop: {self.own.sentence if self.own else self.why_not}."


def families(cases: pd.DataFrame, changes: Sequence[Change]) -> list[Family]:
    """One Family for each KPI family and unit that has comparable results; `changes` may be empty."""
    groups = comparable(cases).groupby(["kpi_family", "unit"])
    return [_family(family, unit, rows, changes) for (family, unit), rows in groups]


def beside(cases: pd.DataFrame, changes: Sequence[Change]) -> pd.DataFrame:
    """Each comparable result beside the client's own change, as tables/cases.csv: in one unit, or blank.

    Columns: case_id, kpi_family, grade, effect, unit, client_effect, client_low, client_high.
    """
    rows = comparable(cases)[["case_id", "kpi_family", "grade", "effect", "unit"]]
    own = {(one.family, one.unit): one.own for one in families(cases, changes) if one.own is not None}
    of_row = [own.get(key) for key in zip(rows["kpi_family"], rows["unit"], strict=True)]
    return rows.assign(**{
        f"client_{name}": pd.Series([getattr(one, of, math.nan) for one in of_row], index=rows.index, dtype=float)
        for name, of in (("effect", "estimate"), ("low", "low"), ("high", "high"))
    })


def ranges(cases: pd.DataFrame) -> pd.DataFrame:
    """Lowest and highest comparable result by KPI family, unit and grade (never over grades).

    Columns: kpi_family, unit, grade, lowest, highest, results, studies.
    """
    return (
        comparable(cases)
        .groupby(["kpi_family", "unit", "grade"], as_index=False)
        .agg(lowest=("effect", "min"), highest=("effect", "max"), results=("effect", "size"),
             studies=("case_id", _studies))
    )


def _family(family: str, unit: str, rows: pd.DataFrame, changes: Sequence[Change]) -> Family:
    results = rows[["case_id", "grade", "effect", "low", "high"]].rename(columns={"case_id": "case"})
    own, why_not = _own(family, unit, changes)
    return Family(family=family, unit=unit, results=results.reset_index(drop=True), own=own, why_not=why_not)


def _own(family: str, unit: str, changes: Sequence[Change]) -> tuple[Own | None, str]:
    """The client's closest measurable change in `unit`, or None and the reason."""
    by_kpi = {change.kpi: change for change in changes}
    mine = [by_kpi[kpi] for kpi in MEASURES.get(family, ()) if kpi in by_kpi]
    measured = [change for change in mine if change.verdict != "not measurable"]
    for change in measured:
        convert = _conversion(change, unit)
        if convert is not None:
            ends = {name: convert(getattr(change, name)) for name in ("estimate", "low", "high")}
            return Own(kpi=change.kpi, label=change.label, unit=unit, level=change.level, **ends), ""
    if measured:
        return None, f"{measured[0].label} is measured in another unit than {unit}, so it is not compared"
    if mine:
        return None, f"{mine[0].label} cannot be compared ({mine[0].note or 'too little was observed'})"
    return None, "no KPI of this kind"


def _conversion(change: Change, unit: str) -> Callable[[float], float] | None:
    """From the change's unit to `unit`, or None where that would compare unlike things.

    Shares become percentage points, never %. Orders and money become % of the level before, which is taken as
    known: interval and verdict then agree with the KPI table.
    """
    if unit == "pp" and change.unit == "share":
        return lambda value: value * 100
    if unit == "scale points" and change.unit == "scale points":
        return lambda value: value
    is_amount = change.unit == "orders" or findings.is_money(change.unit)
    if unit == "%" and is_amount and change.before.estimate > 0:
        return lambda value: value / change.before.estimate * 100
    return None


def _figure(value: float, unit: str, digits: int | None = None, *, signed: bool = True) -> str:
    """"+11.4 %": with the digits given, else as many as were published."""
    if digits is None:
        digits = len(f"{value:.10g}".partition(".")[2])
    return f"{findings.number(value, digits, signed=signed)} {unit}".strip()


# ---------------------------------------------------------------- what they say, in words
def best_evidence(cases: pd.DataFrame) -> pd.DataFrame:
    """What the best graded results say on each mechanism: mechanism, grade, results, says; best grades first."""
    parts = cases.assign(mechanism=cases["mechanisms"].map(_parts)).explode("mechanism")
    parts = parts[~parts["mechanism"].isin(["-", ""])]
    best = parts[parts["grade"] == parts.groupby("mechanism")["grade"].transform("min")]
    rows = [
        {"mechanism": mechanism, "grade": grade, "results": len(group), "says": _told(group, named=True)}
        for (grade, mechanism), group in best.groupby(["grade", "mechanism"])
    ]
    return pd.DataFrame(rows, columns=["mechanism", "grade", "results", "says"])


def article_cases(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases of the source articles (ART-...), one row each, with exactly what they state.

    Columns: case, name_en, name_zh, industry, mechanisms, states, source, note.
    """
    rows = cases[cases["case_id"].str.startswith("ART-")]
    of_case = rows.groupby(rows["case_id"].str.slice(0, 6).rename("case"))
    first = of_case[["name_en", "name_zh", "industry", "mechanisms", "source"]].first()
    words = pd.DataFrame({
        "states": {case: _told(group) for case, group in of_case},
        "note": {case: "; ".join(note for note in group["note"] if note) for case, group in of_case},
    }, index=first.index, dtype="str")
    return first.join(words).reset_index()[["case", "name_en", "name_zh", "industry", "mechanisms", "states", "source",
                                            "note"]]


def _told(rows: pd.DataFrame, *, named: bool = False) -> str:
    words = [f"{row['case_id']}, {row['name_en']}: {_says(row)}" if named else _says(row) for _, row in rows.iterrows()]
    return " · ".join(words)


def _says(row: pd.Series) -> str:
    """One row in words: figures where it has any, else its claim, else that it states nothing."""
    effect = _figure(row["effect"], row["unit"], signed=row["comparable"] == "yes")
    has = row[list(NUMBERS)].notna()
    if has["before"] and has["after"]:
        change = f" ({row['kpi_family']} {effect})" if has["effect"] else f" {row['unit']}".rstrip()
        said = f" from {_figure(row['before'], '', signed=False)} to {_figure(row['after'], '', signed=False)}{change}"
    elif has["effect"]:
        said = f" {effect}"
    elif has["low"] and has["high"]:
        said = f" {_figure(row['low'], '', signed=False)} to {_figure(row['high'], row['unit'], signed=False)}"
    else:
        return f"{row['kpi']} – {row['claim'] or 'no figure and no direction stated'}"
    return f"{row['kpi']}{said}" + (f" ({row['claim']})" if row["claim"] else "")
