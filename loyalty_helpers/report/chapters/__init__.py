"""One module a chapter: what only that chapter joins of what the rooms found, and what it says of it.

Each takes frames and findings and gives frames, findings and messages; only its page shows and keeps them.
"""

from __future__ import annotations

from importlib import import_module

from loyalty_helpers.core import store
from loyalty_helpers.core.settings import load_client
from loyalty_helpers.report.page import Page

__all__ = ["open"]


def open(name: str, client: str) -> Page:
    """The page of a chapter ("02_scoring") of the client with this key, ready to be computed on and written to.

    Raises UserError for settings that are wrong, and where the chapter reads prepared tables and there are none yet.
    """
    chapter = import_module(f"{__name__}.ch{name.partition('_')[0]}").Chapter
    shop = load_client(client)
    return chapter(shop, store.read_all(shop) if chapter.reads else {})
