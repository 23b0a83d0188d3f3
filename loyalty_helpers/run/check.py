"""What was understood of a client's folder, in a few lines to read before any report is built (`make check`)."""

from __future__ import annotations

import textwrap

import pandas as pd

from loyalty_helpers import evaluation
from loyalty_helpers.core.findings import count, number
from loyalty_helpers.core.purchases import purchases
from loyalty_helpers.core.settings import GUESSED, SOURCES, Client, load_format, matching
from loyalty_helpers.ingest import alerts
from loyalty_helpers.ingest import prepare as ingest
from loyalty_helpers.report.wording import words

LARGE = 20  # MB, which take some seconds to read
UNBROKEN = "\xa0"  # a blank at which no line is broken


def describe(client: Client) -> str:
    """The text that `make check` prints. Reads everything, writes nothing; raises UserError as ingest does."""
    return about(ingest.prepare(client), client)


def ahead(client: Client) -> str:
    """What is going to be read, for a person who waits for it; "" where that takes a moment only."""
    patterns = {pattern for several in client.sources.values() for source in several for pattern in source.files}
    paths = {path for pattern in patterns for path in matching(client.folder, pattern) if path.is_file()}
    size = sum(path.stat().st_size for path in paths) / 1e6
    return f"Reading {count(len(paths), 'file')}, {number(size)} MB ..." if size >= LARGE else ""


def about(prepared: ingest.Prepared, client: Client) -> str:
    """The same of what has been read already."""
    sections = {
        "Files": _files(prepared.ledger, client),
        "Columns": _columns(prepared, client),
        "Understood": _understood(prepared.tables["orders"], client) + _people(prepared.recognised),
        "Missing": _missing(prepared.tables, client),
        "To confirm": _to_confirm(client),
        "Alerts": _alerts(alerts.about(prepared, client)),
        "Evidence": _evidence(evaluation.rungs_allowed(prepared.tables, client)),
    }
    head = f"{client.name} (data/{client.key}): amounts in {client.currency}, times in {client.time_zone}"
    return "\n".join([head, *(line for title, lines in sections.items() for line in ["", title, *map(_fold, lines)])])


def _fold(line: str) -> str:
    return textwrap.fill(line, 110, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False,
                         break_long_words=False).replace(UNBROKEN, " ")


def _files(ledger: ingest.Ledger, client: Client) -> list[str]:
    files = ledger.table().groupby("source")["file"].unique()
    return [f"{source}: {', '.join(files[source])}. {ledger.sentence(source)}" for source in client.sources]


def _columns(prepared: ingest.Prepared, client: Client) -> list[str]:
    """Our name = the export's, for every column that was read, and what a known format says of its amounts."""
    lines = []
    for name, several in client.sources.items():
        here = prepared.columns[prepared.columns["source"] == name]
        pairs = [column if header == column else f"{column} = '{header}'".replace(" ", UNBROKEN)
                 for _, header, column in here.itertuples(index=False)]
        lines.append(f"{name}: {', '.join(pairs)}")
        for known in dict.fromkeys(source.format for source in several if source.format):
            described = load_format(known)
            lines.append(f"{name} as {described['name']} (known format {known}, sure: {described['confidence']}). "
                         f"{' '.join(described.get('amount', '').split())}")
    return lines


def _filled(frame: pd.DataFrame) -> list[str]:
    return [column for column in frame if frame[column].notna().any()]


def _understood(orders: pd.DataFrame, client: Client) -> list[str]:
    days = orders["ordered_at"].dt.normalize()
    weeks = ((days.max() - days.min()).days + 1) // 7
    bought, given_back = purchases(orders), orders["is_refund"] & (orders["amount"] < 0)
    nothing = len(orders) - len(bought) - int(given_back.sum())
    came_to_nothing = f"{count(nothing, 'order')} that came to nothing; " if nothing else ""
    late = "" if days.max() <= pd.Timestamp.now() + pd.Timedelta(days=1) else (
        " The last orders are dated in the future: check the column of dates, and whether days and months are swapped.")
    anonymous = 100 * bought["customer_id"].isna().mean() if len(bought) else 0.0
    program = client.program
    return [
        f"Period: {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d} ({count(weeks, 'whole week')}).{late}",
        f"{count(len(bought), 'order')} of {count(bought['customer_id'].nunique(), 'known customer')}; "
        f"{number(anonymous, 1)} % of the orders without a customer; {count(given_back.sum(), 'refund row')}; "
        f"{came_to_nothing}"
        f"revenue {number(orders['amount'].sum())} {client.currency}.",
        f"Program: {program.name or 'no name'}, launched {program.launched_on}, joining {program.joining}."
        if client.has_program else "Program: no launch date, so no before and after.",
    ]


def _people(recognised: pd.DataFrame) -> list[str]:
    """How customers were recognised across the files, where ids did not suffice."""
    kinds = "; ".join(f"{one.customers:,} by {one.by}" if one.by.startswith("the ") else f"{one.by}: {one.customers:,}"
                      for one in recognised.itertuples())
    return [f"Customers recognised: {kinds}."] if kinds else []


def _missing(tables: dict[str, pd.DataFrame], client: Client) -> list[str]:
    """Sources not given, columns without a value, and the setting that everything about money needs."""
    sources = [name for name in SOURCES if name not in tables]
    lines = [f"sources: {', '.join(sources)}"] if sources else []
    for name, frame in tables.items():
        empty = [column for column in frame if column not in _filled(frame)]
        lines += [f"in {name}: {', '.join(empty)}"] if empty else []
    if client.has_program and client.program.gross_margin is None:
        lines.append("in the settings: program.gross_margin, without which nothing can be said about money")
    return lines or ["nothing"]


def _to_confirm(client: Client) -> list[str]:
    """The settings that are still marked as guesses in client.yml."""
    lines = (client.folder / "client.yml").read_text(encoding="utf-8").splitlines()
    guesses = [line.partition(GUESSED)[0].strip() for line in lines if GUESSED in line]
    if not guesses:
        return ["nothing"]
    return [f"{count(len(guesses), 'setting')} guessed, and confirmed by nobody: {'; '.join(guesses)}. Correct what is "
            f"wrong in client.yml, and take the remarks '{GUESSED[2:]}' away."]


def _alerts(found: pd.DataFrame) -> list[str]:
    return [f"{alert.grade}: {alert.what}. {alert.consequence} {alert.remedy}"
            for alert in found.itertuples()] or ["none"]


def _evidence(rungs: pd.DataFrame) -> list[str]:
    lines = []
    for rung in rungs.itertuples():
        takes = f" It takes: {words(rung.what_it_takes)}." if rung.what_it_takes else ""
        allowed = "yes" if rung.allowed else "no"
        lines.append(f"rung {rung.rung}, {words(rung.name)}: {allowed}. {words(rung.why)}{takes}")
    return lines
