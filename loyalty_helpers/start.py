"""`make new CLIENT=acme FROM=path/to/exports/`: look at what a client sent, and write the settings that read it.

Known exports are told by their column names, others are guessed at; every guess is marked in the settings and listed,
with what only a person can know. The files are copied, never moved, and nothing is written outside the client's folder.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loyalty_helpers import client, formats
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import count
from loyalty_helpers.start_choose import choose
from loyalty_helpers.start_decide import Decisions
from loyalty_helpers.start_inventory import LeftOut, look, name_of, names_of, one_line, shown
from loyalty_helpers.start_match import Entry, together
from loyalty_helpers.start_write import Plan, free_names, put, settings


def make(key: str, exports: str | Path, root: Path | None = None) -> tuple[Path, str]:
    """Make the client `key` from the file or folder `exports`: copies of what is of use, and `client.yml`.

    Returns the path of `client.yml` and the text to print. Raises UserError, and leaves everything as it was, where the
    client exists already or nothing of use is found.
    """
    root = root or client.ROOT
    folder = root / "data" / client.check_key(key)
    if (folder / "client.yml").exists():
        raise UserError(f"data/{key}/client.yml exists already and was left as it is. Edit it, then: "
                        f"make check CLIENT={key}.")
    formats.known()  # says which is faulty, before any file is looked at
    place = Path(exports).expanduser()
    tables, left_out = look(place)
    entries, why_not = choose(together([table for table in tables if table.guess.source]))
    left_out += [LeftOut(shown(table, place), " ".join(table.guess.notes)) for table in tables
                 if not table.guess.source]
    left_out += [LeftOut(names_of(entry.tables, place), why) for entry, why in why_not]
    if not entries:
        listed = "\n".join(f"  {one_line(f'{one.name}: {one.why}')}" for one in left_out)
        raise UserError(f"Nothing in {one_line(str(exports))} can be used, and no client was made.\n{listed}")
    names = free_names([path for entry in entries for path in entry.paths], folder)
    plan = Plan(key, entries, names, Decisions.of(entries), left_out)
    return put(folder, names, settings(plan)), _report(plan, place)


def _report(plan: Plan, place: Path) -> str:
    lines = [f"Made data/{plan.key}/client.yml from {one_line(str(place))}.", "", "Found"]
    for entry in plan.entries:
        rows = count(sum(table.raw.rows for table in entry.tables), "row")
        lines.append(_fold(f"{names_of(entry.tables, place)}: {entry.label}; {rows}. Used as {_use(entry)}."))
        for ours, header in entry.guess.settings.get("columns", {}).items():
            lines.append(f"      {ours} = '{one_line(header)}'?")
        rules = {**entry.guess.settings.get("set_aside", {}), "refunds": entry.guess.settings.get("refunds")}
        lines += [_fold(f"{reason}: '{rule['column']}' {_test(rule)}?", "      ")
                  for reason, rule in rules.items() if rule]
        lines += [f"      scale of {ours}: worst {ends[0]}, best {ends[1]}?"
                  for ours, ends in entry.guess.settings.get("scale", {}).items()]
        lines += [_fold(note, "      ") for note in entry.guess.notes]
        if entry.format:
            lines += [_fold(words, "      ") for words in (entry.format.about, entry.format.amount) if words]
    renamed = [f"{name_of(path, place)} is now {name}" for path, name in plan.names.items() if path.name != name]
    lines += [_fold(f"Copied under another name: {'; '.join(renamed)}.")] if renamed else []
    if plan.left_out:
        lines += ["", "Left out", *(_fold(f"{one.name}: {one.why}") for one in plan.left_out)]
    asked = [*plan.decided.open, *[("lines marked 'guessed'", "please confirm each.")] * any(
        entry.guess.settings for entry in plan.entries)]
    lines += ["", f"To fill in or confirm in data/{plan.key}/client.yml",
              *(_fold(f"{i}. {setting}: {words}") for i, (setting, words) in enumerate(asked, start=1)),
              "", f"Then: make check CLIENT={plan.key}"]
    return "\n".join(lines)


def _use(entry: Entry) -> str:
    return {"orders": "the orders", "lines": "the items of the orders", "members": "the list of members",
            "opt_outs": "the list of people who must not be contacted"}.get(
        entry.source, f"the {entry.source}")


def _test(rule: Mapping[str, Any]) -> str:
    return f"is {rule['is']}" if "is" in rule else f"is {' or '.join(map(repr, rule['equals']))}"


def _fold(text: str, indent: str = "  ") -> str:
    return textwrap.fill(one_line(text), 110, initial_indent=indent, subsequent_indent=indent + "  ",
                         break_on_hyphens=False, break_long_words=False)
