"""The parameters of chapters: which a chapter has, whether the settings give them fitting values, what is injected."""

from __future__ import annotations

import ast
import math
from contextlib import suppress
from datetime import date
from typing import Any

from loyalty_helpers.core.settings import Client, UserError, suggest
from loyalty_helpers.run import state

# parameters that numbers of a right kind may still be wrong for, with what is allowed
RANGES = {"confidence": (0.5, 1, " (0.95 means 95 %)"), "horizon_days": (7, 364, ""), "horizon_years": (1, 10, ""),
          "discount": (0, 1, " (0.05 means 5 %)"), "cohort_months": (1, 60, "")}


def check(client: Client) -> None:
    """UserError for a parameter in the settings that its chapter does not have, or of a value that cannot be."""
    for name, given in client.chapters.items():
        declared = _declarations(state.cells(client, name))
        for parameter, value in given.items():
            at = f"data/{client.key}/client.yml: chapters.{name}.{parameter}"
            if problem := _problem(parameter, value, declared):
                raise UserError(f"{at} {problem}")


def _declarations(cells: list[dict]) -> dict[str, Any]:
    """The parameters of a chapter with their defaults (None where the default is not a plain value)."""
    code = "\n".join("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", ()))
    declared = {}
    for statement in ast.parse(code).body:
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(targets[0], ast.Name):
            declared[targets[0].id] = None
            with suppress(ValueError, TypeError):
                declared[targets[0].id] = ast.literal_eval(statement.value)
    return declared


def _problem(parameter: str, value: Any, declared: dict[str, Any]) -> str:
    known = sorted(set(declared) - {"client"})
    if parameter not in known:
        return (f"is not a parameter of that chapter.{suggest(parameter, known)} "
                f"It has: {', '.join(known) or 'none'}.")
    if not _fits(value, declared[parameter]):
        return f"is {value!r}; allowed: a value of the same kind as its default, {declared[parameter]!r}."
    low, high, hint = RANGES.get(parameter, (-math.inf, math.inf, ""))
    inside = low < value < high if parameter == "confidence" else parameter not in RANGES or low <= value <= high
    return "" if inside else f"is {value!r}; allowed: between {low} and {high}{hint}."


def _fits(value: Any, default: Any) -> bool:
    if default is None:
        return True
    if isinstance(default, float):
        return type(value) in (int, float)
    return type(value) is type(default) or (isinstance(value, date) and isinstance(default, str))


def injected(client: Client, name: str) -> dict[str, Any]:
    """What papermill injects: nothing for the sample without settings, so that its chapters stay as they are."""
    given = {parameter: value.isoformat() if isinstance(value, date) else value
             for parameter, value in client.chapters.get(name, {}).items()}
    return given if client.key == state.SAMPLE else {"client": client.key} | given
