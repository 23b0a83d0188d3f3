"""The catalogue's files, and how an entry with its facts becomes a text."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fluent.runtime import FluentBundle, FluentResource
from fluent.syntax import ast

HERE = Path(__file__).parent
LANGUAGE = "en"


def known(key: str) -> bool:
    """Whether the catalogue has an entry of this key."""
    return _bundle(LANGUAGE).has_message(key)


def text(key: str, /, **facts: str | int) -> str:
    """The entry `key` with its facts; KeyError where there is no such entry, or it lacks a fact."""
    bundle = _bundle(LANGUAGE)
    if not bundle.has_message(key):
        raise KeyError(f"The catalogue has no message '{key}'.")
    said, errors = bundle.format_pattern(bundle.get_message(key).value, facts)
    if errors:
        raise KeyError(f"The message '{key}' lacks a fact: {errors[0]}.")
    return said


def capital(words: str) -> str:
    """First letter upper case, the rest untouched (unlike str.capitalize, which would lower "NPS")."""
    return words[:1].upper() + words[1:]


@cache
def _bundle(language: str) -> FluentBundle:
    bundle = FluentBundle([language], use_isolating=False, functions={"CAPITAL": lambda words: capital(str(words))})
    for path in sorted((HERE / language).glob("*.ftl")):
        resource = FluentResource(path.read_text(encoding="utf-8"))
        for entry in resource.body:
            if isinstance(entry, ast.Junk):  # which the library would leave out without a word
                raise ValueError(f"{path.name} cannot be read: {entry.content.strip()[:80]}")
        bundle.add_resource(resource)
    return bundle
