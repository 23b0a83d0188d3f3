"""What comments mention and which options were chosen, for a reader: of one question of `themes.by_question` each.

Readers may not see all counts: rows whose count is missing are left out.
"""

from __future__ import annotations

import pandas as pd

from loyalty_helpers.core.messages import Message, message
from loyalty_helpers.evaluation.said import counted, percent, yes
from loyalty_helpers.ingest import themes
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.numbers import MISSING, amount, number


def everybody(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of all who answered."""
    return _known(rows[rows["group"] == themes.EVERYBODY])


def mentioned(rows: pd.DataFrame) -> pd.DataFrame:
    """The themes that are mentioned at all, the most mentioned first."""
    known = everybody(rows)
    return known[(known["answers"] > 0) & ~known["theme"].isin([themes.NONE, themes.BLANK])]


def mentions_said(rows: pd.DataFrame) -> Message | str:
    """ "Of 214 comments, 38 % (31 to 45) mention delivery."; "" where nothing can be said."""
    known = everybody(rows)
    written = known[known["theme"] != themes.BLANK]
    if written.empty:
        return ""
    n, first = int(written["n"].iloc[0]), next(mentioned(rows).itertuples(), None)
    comments = counted(n, "comment")
    if first is None:
        named = written[written["theme"] != themes.NONE]
        return message("comments-few" if named.empty else "comments-none", comments=comments)
    return message("comments-mention", comments=comments, share=percent(first.share), theme=first.theme,
                   low=number(100 * first.low), high=number(100 * first.high), few=yes(0 < n < themes.FEW))


def comments(rows: pd.DataFrame) -> pd.DataFrame:
    """Theme, comments, share, interval, and each group's share."""
    known = everybody(rows).set_index("theme")
    table = _shares(known, "comments")
    for group, of in rows[rows["group"] != themes.EVERYBODY].groupby("group", sort=False):
        of = _known(of).set_index("theme").reindex(known.index)
        n = of["n"].drop(themes.BLANK, errors="ignore").max()
        if n == n:
            table[f"{group} ({number(n)})"] = [amount(share, "share", digits=0) for share in of["share"]]
    return table.rename_axis("theme").reset_index()


def choices(rows: pd.DataFrame) -> pd.DataFrame:
    """Option, answers, share, interval."""
    return _shares(_known(rows).set_index("option"), "answers").rename_axis("option").reset_index()


def _known(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.dropna(subset=["answers", "n"])


def _shares(rows: pd.DataFrame, noun: str) -> pd.DataFrame:
    between = [MISSING if pd.isna(low) else words(message("between", low=number(100 * low), high=percent(high)))
               for low, high in zip(rows["low"], rows["high"], strict=True)]
    return pd.DataFrame({noun: rows["answers"].astype("int64"), "interval": between,
                         "share": [amount(one, "share", digits=0) for one in rows["share"]]},
                        index=rows.index)[[noun, "share", "interval"]]
