"""Time zones by the names that exports give them."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files
from zoneinfo import available_timezones

from loyalty_helpers.core.errors import UserError
from loyalty_helpers.meaning import word_lists

UTC, OWN = "UTC", ""  # OWN: the zone of a cell that names none, which is the file's own
WINTER, SUMMER, ALWAYS, SEVERAL = word_lists()["zones"].values()
ZONES = WINTER | SUMMER | ALWAYS
CONTINENTS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
DIRECTIONS = ("NORTH", "SOUTH", "EAST", "WEST")  # Australia/West and its like: as words alone they say nothing


@cache
def _places() -> dict[str, str]:
    """Zones by their whole name and by their place alone, in upper case: EUROPE/BERLIN and BERLIN."""
    known = sorted(available_timezones())
    places = {name.split("/")[-1].replace("_", " ").upper(): name for name in known if name.startswith(CONTINENTS)}
    return ({place: name for place, name in places.items() if place not in DIRECTIONS}
            | {name.replace("_", " ").upper(): name for name in known})


def country_of(zone: str) -> str:
    """The ISO code of the country whose zone that is; "" for a zone of no country (UTC)."""
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    found = re.search(rf"^([A-Z]{{2}})\t\S+\t{re.escape(zone)}(?:\t|$)", table, re.MULTILINE)
    return found[1] if found else ""


def zone_named(name: str) -> str:
    """The IANA name of a time zone as exports write it: "Pacific Time (US & Canada)", "PST", "GMT+8", "Beijing",
    "Europe/Berlin". PST and PDT are the same zone. Raises UserError for unknown names, and for abbreviations that
    several parts of the world use (CST)."""
    found = zone_or_none(name)
    if found is None:
        raise UserError(f"'{name}' is no time zone that is known here. Write a place in its stead, such as "
                        "Europe/Berlin or Asia/Kolkata, or leave it out and give time_zone in client.yml.")
    return found


def zone_or_none(name: str) -> str | None:
    """The same, None for an unknown name."""
    key = " ".join(unicodedata.normalize("NFKC", name).replace("_", " ").upper().split())
    key = re.sub(r"^\((?:GMT|UTC)[^)]*\)\s*(?=.)", "", key)  # (GMT-08:00) Pacific Time (US & Canada)
    key = re.sub(r"^\((.*)\)$|\s*\((?:US|USA|CANADA|US & CANADA|MEXICO)\)$", r"\1", key)
    short = re.sub(r"\s*(?:(?:STANDARD|DAYLIGHT|SUMMER)\s+)?TIME$|时间$|時間$", "", key)
    if short in SEVERAL:
        raise UserError(f"'{name}' names several time zones ({SEVERAL[short]}). Leave it out in a copy of the file, "
                        "and say in client.yml which is meant (time_zone, such as America/Chicago or Asia/Shanghai).")
    offset = re.fullmatch(r"(?:GMT|UTC)?\s*([-+])(\d{1,2})(?::?00)?", key)
    if offset and int(offset[2]) <= 12:
        ahead = int(offset[1] + offset[2])
        return f"Etc/GMT{-ahead:+d}" if ahead else UTC  # the names of Etc count the other way round
    return ZONES.get(short) or _places().get(key) or _places().get(short)
