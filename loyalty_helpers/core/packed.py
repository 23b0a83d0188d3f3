"""What one chapter hands to another: findings, messages and plain values as JSON, and back again without loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any

import numpy as np

from loyalty_helpers.core.findings import Change, Effect, Finding, Verdict
from loyalty_helpers.core.messages import Listed, Message, Number, Persons

KINDS = {kind.__name__: kind for kind in (Finding, Change, Effect, Verdict, Message, Number, Persons, Listed)}
KIND = "is"  # the name under which an object says what it is


def pack(found: Any) -> Any:
    """`found` (findings, messages, numbers, dates, texts; lists and dicts of these) as what JSON can hold.

    Missing and infinite numbers stay what they are; the diagnostics of an effect stay behind. Raises TypeError for
    anything else.
    """
    if type(found).__name__ in KINDS:
        kept = (one.name for one in fields(found) if one.compare)
        return {KIND: type(found).__name__} | {name: pack(getattr(found, name)) for name in kept}
    if isinstance(found, Mapping):
        return {str(name): pack(one) for name, one in found.items()}
    if isinstance(found, (list, tuple)):
        return [pack(one) for one in found]
    if isinstance(found, date):
        return {KIND: "date", "day": found.isoformat()}
    if isinstance(found, np.generic):
        return pack(found.item())
    if isinstance(found, float) and not math.isfinite(found):
        return {KIND: "float", "value": str(found)}
    if found is None or isinstance(found, (bool, int, float, str)):
        return found
    raise TypeError(f"A {type(found).__name__} cannot be handed to another chapter.")


def unpack(packed: Any) -> Any:
    """What was packed; tuples come back as lists, keys of dicts as texts."""
    if isinstance(packed, list):
        return [unpack(one) for one in packed]
    if not isinstance(packed, dict):
        return packed
    values = {name: unpack(one) for name, one in packed.items() if name != KIND}
    kind = packed.get(KIND)
    if kind == "float":
        return float(values["value"])
    if kind == "date":
        return date.fromisoformat(values["day"])
    return values if kind is None else KINDS[kind](**values)
