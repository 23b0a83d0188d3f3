"""The client's folder: `client.yml`, written on the annotated template, and copies of the files."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from loyalty_helpers import client, guess, guess_looks
from loyalty_helpers.client import GUESSED
from loyalty_helpers.core.columns import SOURCES, WHO
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.start_decide import Decisions
from loyalty_helpers.start_inventory import LeftOut, one_line
from loyalty_helpers.start_match import Entry

OURS = ("prepared", "private", "client.yml", "themes.yml", "actions.csv")  # names that mean something in that folder
STAGE = ".new"  # folder in the client's, in which a copy is made ready

@dataclass(frozen=True)
class Plan:
    """What is going to be made of a client: the entries that are used, the name of each file in the client's folder,
    what the settings say of the client as a whole, and what is left out."""

    key: str
    entries: list[Entry]
    names: Mapping[Path, str]
    decided: Decisions
    left_out: list[LeftOut]


def settings(plan: Plan) -> str:
    """The text of client.yml: the annotated template, with what was found in place of its example."""
    text, decided = client.TEMPLATE.read_text(encoding="utf-8").replace("{client}", plan.key), plan.decided
    for setting, value in (("currency", decided.currency), ("time_zone", decided.time_zone)):
        line = f"{setting}: {value}".ljust(27) + f" {GUESSED}; "
        text = re.sub(rf"^{setting}: \S+ *# *", line, text, flags=re.MULTILINE)
    if decided.others:
        rates = ", ".join(f"{code}: 1.0" for code in decided.others)
        text = re.sub(r"^#rates: .*", f"#rates: {{{rates}}}  # to be decided: what one of each is worth in "
                      f"{decided.currency}", text, flags=re.MULTILINE)
    sources = "\n".join([*_sources(plan.entries, plan.names, decided), *_remarks(plan.left_out)])
    return re.sub(r"^sources:\n.*?(?=^# ------)", lambda _: f"{sources}\n\n", text, flags=re.MULTILINE | re.DOTALL)


def _sources(entries: list[Entry], names: Mapping[Path, str], decided: Decisions) -> list[str]:
    lines = ["# Written by make new. data/client_template.yml explains every other setting of a source.", "sources:"]
    if not any(entry.source == "orders" for entry in entries):
        lines += ["  orders: orders.csv        # no file of orders was found: put one here"]
    for source in SOURCES:
        several = [entry for entry in entries if entry.source == source]
        lines += [f"  {source}:"] if several else []
        for entry in several:
            block = _entry(entry, names, decided)
            first, rest = ("    - ", "      ") if len(several) > 1 else ("    ", "    ")
            lines += [(first if i == 0 else rest) + line for i, line in enumerate(block)]
    there = any(entry.source == "opt_outs" for entry in entries)
    return lines if there else [*lines, *_opt_outs(entries, names)]


def _opt_outs(entries: list[Entry], names: Mapping[Path, str]) -> list[str]:
    """Whom not to contact, from lists of people with a column that says who agreed; a guess, until confirmed."""
    blocks = []
    for entry in (one for one in entries if one.source == "members"):
        people = {ours: entry.settings.columns[ours][0] for ours in WHO
                  if ours in entry.settings.columns and entry.column(ours)}
        rule = guess.consent(guess_looks.looks(entry.tables[0].raw)) if people else None
        if rule:
            files = [names[path] for path in entry.paths]
            blocks.append([f"files: {_yaml(files if len(files) > 1 else files[0])}  {GUESSED}",
                           f"columns: {_yaml(people)}  {GUESSED}", "set_aside:",
                           f"  agreed to be written to: {_yaml(rule)}  {GUESSED}"])
    first, rest = ("    - ", "      ") if len(blocks) > 1 else ("    ", "    ")
    lines = [(first if i == 0 else rest) + line for block in blocks for i, line in enumerate(block)]
    return ["  opt_outs:  # who is kept off the list of customers to call", *lines] if lines else []


def _entry(entry: Entry, names: Mapping[Path, str], decided: Decisions) -> list[str]:
    """The lines of one entry of a source."""
    files = [names[path] for path in entry.paths]
    part = entry.tables[0].part
    lines = [f"files: {_yaml(files if len(files) > 1 else files[0])}"]
    lines += [f"format: {entry.format.key}  # {entry.format.name}, confidence: {entry.format.confidence}"
              if entry.format else f"# {entry.label}"]
    lines += [f"{name}: {_yaml(value)}" for name, value in part.items()]
    for name, value in entry.guess.settings.items():
        if isinstance(value, dict) and not {"column"} & value.keys():
            lines += [f"{name}:", *(f"  {_yaml(one)}: {_yaml(what)}  {GUESSED}" for one, what in value.items())]
        else:
            lines += [f"{name}: {_yaml(value)}  {GUESSED}"]
    for setting, _ in decided.open:
        for name, example in (("dates", "day-first"), ("decimal", '"."')):
            if setting == f"sources.{entry.source}.{name}":
                lines.append(f"#{name}: {example}  # to be decided: make check says why")
    return [line for line in lines if not line.endswith("columns:") or entry.guess.settings["columns"]]


class _OneLine(yaml.SafeDumper):
    """Text with line breaks or signs that nobody sees goes in double quotes, where these are written as escapes."""


_OneLine.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    "tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"'))


def _yaml(value: Any) -> str:
    """A value on one line."""
    text = yaml.dump(value, Dumper=_OneLine, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _remarks(left_out: list[LeftOut]) -> list[str]:
    lines = [one_line(f"{one.name}: {one.why}") for one in left_out if one.is_table]
    return ["  # Left out, and not copied:", *(f"  #   {line[:300]}" for line in lines)] if lines else []


# ---------------------------------------------------------------- copying
def free_names(paths: Iterable[Path], folder: Path) -> dict[Path, str]:
    """The name that each file gets in the client's folder: its own, in signs that client.yml can hold, and numbered
    where another file has it or where it means something in that folder."""
    names: dict[Path, str] = {}
    taken = {*OURS}
    for path in dict.fromkeys(paths):
        clean = one_line(path.name).replace("\ufffd", "_")
        clean = f"file{clean}" if clean.startswith(".") else clean or "file"
        stem, dot, rest = clean.partition(".")
        for number in range(1, 10_000):
            name = clean if number == 1 else f"{stem}-{number}{dot}{rest}"
            there = folder / name
            is_free = not there.exists() or (there.is_file() and filecmp.cmp(path, there, shallow=False))
            if is_free and name.casefold() not in taken:
                names[path] = name
                taken.add(name.casefold())
                break
    return names


def put(folder: Path, names: Mapping[Path, str], text: str) -> Path:
    """Copy the files and write client.yml, which comes last: without it there is no client. Whatever stops this on the
    way, what was put there is taken away again."""
    stage, is_new, made = folder / STAGE, not folder.exists(), []
    try:
        shutil.rmtree(stage, ignore_errors=True)  # of a run that was killed
        stage.mkdir(parents=True)
        for path, name in names.items():
            if not (folder / name).exists():
                shutil.copyfile(path, stage / name)
        (stage / "client.yml").write_text(text, encoding="utf-8")
        for ready in sorted(stage.iterdir(), key=lambda one: one.name == "client.yml"):
            os.replace(ready, folder / ready.name)
            made.append(folder / ready.name)
        stage.rmdir()
    except BaseException as error:
        for path in made:
            path.unlink(missing_ok=True)
        shutil.rmtree(folder if is_new else stage, ignore_errors=True)
        if isinstance(error, OSError):
            raise UserError(f"data/{folder.name} cannot be written: {error.strerror or error}. Nothing was made."
                            ) from None
        raise
    return folder / "client.yml"
