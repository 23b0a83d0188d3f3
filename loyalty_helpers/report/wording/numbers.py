"""Numbers as a reader sees them: with their units, signs and thousands, and no more decimals than asked for."""

from __future__ import annotations

import math
from datetime import date

from babel.dates import format_date

from loyalty_helpers.core.findings import UNITS, is_money
from loyalty_helpers.report.wording.catalogue import LANGUAGE, text

MISSING = "–"
CURRENCY_SIGNS = {"CNY": "¥", "JPY": "¥", "USD": "$", "GBP": "£", "EUR": "€", "HKD": "HK$", "TWD": "NT$"}


def number(value: float, digits: int = 0, *, signed: bool = False) -> str:
    """A number with thousands separators and a true minus sign; "–" where it is missing or infinite."""
    if value is None or not math.isfinite(value):
        return MISSING
    shown = f"{abs(value):,.{digits}f}"
    zero = float(shown.replace(",", "")) == 0
    sign = "" if zero else "−" if value < 0 else "+" if signed else ""
    return sign + shown


def amount(value: float, unit: str, *, digits: int | None = None) -> str:
    """A level with its unit: `amount(0.41, "share")` is "41.0 %", `amount(1250, "CNY")` "¥1,250".

    Without a unit ("") a bare number; of the unit "chance" a probability, of which certainty is never claimed.
    """
    return _written(value, unit, "level", digits=digits, signed=False)


def difference(value: float, unit: str, *, digits: int | None = None) -> str:
    """A change, always signed: `difference(0.08, "share")` is "+8.0 pp"."""
    return _written(value, unit, "change", digits=digits, signed=True)


def _written(value: float, unit: str, kind: str, *, digits: int | None, signed: bool) -> str:
    if unit == "chance":
        return chance(value)
    factor, usual = UNITS.get(unit, (1.0, 0))
    if value is None or not math.isfinite(value):
        return MISSING
    shown = number(value * factor, usual if digits is None else digits, signed=signed)
    if unit and is_money(unit):
        sign = CURRENCY_SIGNS.get(unit, unit + " ")
        return shown[0] + sign + shown[1:] if shown[0] in "+−" else sign + shown
    return text(f"{kind}-{unit.replace(' ', '-')}", n=shown) if unit else shown


def chance(probability: float) -> str:
    """A probability; certainty is never claimed."""
    if not math.isfinite(probability):
        return MISSING
    if probability < 0.01:
        return text("chance-under")
    return text("chance-over") if probability > 0.99 else text("level-share", n=f"{probability * 100:.0f}")


def day(moment: date, *, short: bool = False) -> str:
    """A day, or that of a moment: "3 March 2025", "3 Mar 2025"."""
    return format_date(moment, "d MMM y" if short else "d MMMM y", locale=LANGUAGE)
