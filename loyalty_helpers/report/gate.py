"""The privacy gate: what others than the owner may see of a report.

For a report that others will read, numbers of a few customers are hidden, and those from which they could be worked
out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from loyalty_helpers.core.findings import NAN, Change, Effect, Finding
from loyalty_helpers.core.messages import Message
from loyalty_helpers.core.settings import Client
from loyalty_helpers.report.tables import COLUMNS, Column, Table
from loyalty_helpers.report.wording import words

COUNTS = ("customers", "members", "joiners", "answers", "n_treated", "n_comparison")  # columns that count persons
NOT_SHOWN = "these are too few customers for a report that others read"
PEOPLE = r"(?:customer|member|joiner|buyer|regular|person|friend|answer|referral)s?|people|held out|marked as left"
FEW = re.compile(rf"(?<![\w.,−+-])(\d[\d,]*)(?! or )(?=(?: of \d[\d,]*)? (?:[\w-]+ ){{0,2}}(?:{PEOPLE})\b)")


def seen(found: Any, k: int, table: Table | None = None) -> Any:
    """Whatever was `found` (a frame, a finding, an object that holds some) as readers may see it who must not learn
    numbers of 1 to `k` - 1 persons; for the owner (`k` is 1) as it is.

    Frames are hidden by the declarations of their columns and of the `table` they are shown as (tables.py); one row a
    customer is nobody's to see, and objects may hold such frames only for their own use. Raises ValueError for a whole
    number in a column that nobody has declared: it could count persons.
    """
    if k == 1:
        return found
    if isinstance(found, pd.DataFrame):
        return found if "customer_id" in found else _seen_table(found, k, table or Table())
    if isinstance(found, Finding):
        return _seen_finding(found, k)
    if is_dataclass(found) and not isinstance(found, type) and not isinstance(found, Message):
        return replace(found, **{field.name: seen(getattr(found, field.name), k, table) for field in fields(found)
                                 if field.init})
    if isinstance(found, (list, tuple)):
        return type(found)(seen(one, k, table) for one in found)
    return {key: seen(one, k, table) for key, one in found.items()} if isinstance(found, dict) else found


def _seen_table(frame: pd.DataFrame, k: int, table: Table) -> pd.DataFrame:
    undeclared = [name for name in frame.select_dtypes("number")
                  if name not in COLUMNS and name not in table.persons and frame[name].dropna().mod(1).eq(0).all()]
    if undeclared:
        raise ValueError(f"Declare in report/tables.py whether these columns count persons: {', '.join(undeclared)}.")
    counts = [name for name in frame if name in table.persons or COLUMNS.get(name, Column()).persons]
    within = [name for name in table.within if name in frame]
    return suppressed(frame, counts, k, within=within, figures=table.figures)


def least(client: Client) -> int:
    """The fewest customers of whom a report may say a number: 1 for the owner's eyes, `smallest_cell` for others'."""
    return client.smallest_cell if client.audience == "shared" else 1


def notice(client: Client) -> str:
    """What a reader has to know of the hidden numbers; "" where none are."""
    return "" if least(client) == 1 else (
        f"This report is made for others to read: numbers of fewer than {least(client)} customers are not shown, nor "
        "others from which they could be worked out (–).")


def suppressed(table: pd.DataFrame, counts: Collection[str], k: int, *, within: Sequence[str] = (),
               figures: Collection[str] | None = None) -> pd.DataFrame:
    """`table` without counts of 1 to `k` - 1 persons, and without those from which they could be worked out.

    The cells of each column in `counts` add up to a total that is known, in the whole table or, `within` columns, for
    each of their values. So in each such group further cells are hidden, the smallest first, until those hidden are two
    at least, of `k` persons or more together and not of one each. 0 stays. Where a count is hidden, its row's
    `figures` are missing too: by default all numbers (of whatever rests on that count). Hidden cells all look alike,
    so that none tells whether it was small itself; a table hidden already stays as it is.
    """
    groups = pd.Series(0, index=table.index) if not within else table.groupby([*within], dropna=False).ngroup()
    rows = np.zeros(len(table), bool)
    hidden = {}
    for column in counts:
        cells = table[column].to_numpy(dtype="float64", na_value=np.nan)
        hidden[column] = np.zeros(len(table), bool)
        for places in groups.groupby(groups, sort=False).indices.values():
            hidden[column][places] = _hidden(cells[places], k)
        rows |= hidden[column]
    if not rows.any():
        return table
    numbers = table.select_dtypes("number").columns.difference([*within]) if figures is None else figures
    blank = {name: table[name].mask(rows) for name in numbers if name not in hidden}
    return table.assign(**blank, **{name: table[name].astype("float64").mask(cells) for name, cells in hidden.items()})


def _hidden(cells: np.ndarray, k: int) -> np.ndarray:
    """Which cells of one group must not be seen."""
    hidden = (cells >= 1) & (cells < k)
    if hidden.any():
        for place in np.argsort(cells, kind="stable"):
            if cells[hidden].sum() >= k and cells[hidden].max() > 1:  # so that two are hidden at least
                break
            hidden[place] |= cells[place] >= 1
    return hidden


def published(table: pd.DataFrame, client: Client, counts: Collection[str] | None = None, *, within: Sequence[str] = (),
              figures: Collection[str] | None = None) -> pd.DataFrame:
    """`table` as the client's audience may see it: for the owner as it is, for others `suppressed`.

    `counts` are by default the columns that count persons by their names (COUNTS); small numbers of persons in its
    texts are put in words. Made before a table is shown, drawn or kept, so that all three say the same.
    """
    if least(client) == 1:
        return table
    known = [name for name in COUNTS if name in table] if counts is None else counts
    seen = suppressed(table, known, least(client), within=within, figures=figures)
    texts = seen.select_dtypes(exclude=["number", "bool", "datetime", "timedelta"])
    return seen.assign(**{name: texts[name].map(lambda cell: _worded(cell, client)) for name in texts})


def compared(table: pd.DataFrame, client: Client) -> pd.DataFrame:
    """Levels before and after (before, n_before, after, n_after, and the change of them) as the audience may see them.

    A level is hidden where it rests on 1 to k - 1 customers, or is a share of as few or of all but as few of them; the
    change goes with it. Levels are shares, or say in `unit` what they are.
    """
    k, hidden = least(client), pd.Series(False, index=table.index)
    if k == 1 or table.empty:
        return table
    for when in ("before", "after"):
        n, is_share = table[f"n_{when}"], table["unit"].eq("share") if "unit" in table else True
        hits = (table[when].astype("float64") * n).round()
        few = n.between(1, k - 1)
        small = few | (is_share & (hits.between(1, k - 1) | (n - hits).between(1, k - 1)))
        levels = [name for name in table if name in (when, f"{when}_low", f"{when}_high")]
        table = table.assign(**{name: table[name].astype("float64").mask(small) for name in levels},
                             **{f"n_{when}": n.astype("float64").mask(few)})
        hidden |= small
    changes = [name for name in table if name.startswith("change") or name in ("low", "high")]
    return table.assign(**{name: table[name].astype("float64").mask(hidden) for name in changes})


def worded(sentences: Sequence[str], client: Client) -> list[str]:
    """Sentences as the client's audience may read them: "3 members" is "fewer than 5 members" for others."""
    said = [words(one, least=least(client)) for one in sentences]
    return said if least(client) == 1 else [_worded(one, client) for one in said]


def _worded(text: Any, client: Client) -> Any:
    def few(found: re.Match) -> str:
        n, all_of_them = int(found[1].replace(",", "")), re.match(r" of (\d[\d,]*)", found.string[found.end():])
        if all_of_them and 1 <= int(all_of_them[1].replace(",", "")) - n < least(client):
            return "nearly all"
        return f"fewer than {least(client)}" if 1 <= n < least(client) else found[1]

    return FEW.sub(few, text) if isinstance(text, str) else text


def told(findings: Sequence[Finding], client: Client) -> list[Finding]:
    """Findings, changes and effects as the client's audience may read them.

    For others than the owner, what rests on 1 to k - 1 persons becomes not measurable, and so does a share of as few
    (or of all but as few) of them; of an effect's members set aside, the reasons are given without numbers where one
    of them would be small.
    """
    return list(findings) if least(client) == 1 else [
        _seen_finding(replace(one, label=_worded(one.label, client), note=_worded(one.note, client)), least(client))
        for one in findings]


def _seen_finding(one: Finding, k: int) -> Finding:
    small = {n for n in _persons(one) if 1 <= n < k}
    if isinstance(one, Change):
        before, after = (_seen_finding(level, k) for level in (one.before, one.after))
        lost = (one.before.measurable, one.after.measurable) != (before.measurable, after.measurable)
        one = replace(one, before=before, after=after)
        return replace(_without_number(one), p_value=NAN, p_adjusted=NAN) if small or lost else one
    if isinstance(one, Effect):
        checked = one.cross_check and _seen_finding(one.cross_check, k)
        one = replace(one, cross_check=checked)
        return (replace(_without_number(one), n_treated=0, n_comparison=0, refused=None, diagnostics={}) if small
                else _without_reasons(one, k))
    return _without_number(one) if small else one


def _persons(one: Finding) -> list[int]:
    """The numbers of persons that could be read off a finding."""
    if not re.search(PEOPLE, one.n_noun):
        return []
    found = [one.n, *((one.n_treated, one.n_comparison) if isinstance(one, Effect) else ())]
    if one.measurable and one.unit == "share" and "Wilson" in one.method:
        found += [round(one.estimate * one.n), round((1 - one.estimate) * one.n)]
    return found


def _without_number(one: Finding) -> Finding:
    return replace(one, estimate=NAN, low=NAN, high=NAN, n=0, note=NOT_SHOWN)


def _without_reasons(one: Effect, k: int) -> Effect:
    aside = one.diagnostics.get("set_aside", {})
    if not any(1 <= n < k for n in aside.values()):
        return one
    note = re.sub(r"(set aside)(?:: | \()[\d,]+ [^)]*\)?", r"\1", one.note)
    return replace(one, note=note, diagnostics=one.diagnostics | {"set_aside": dict.fromkeys(aside, NAN)})
