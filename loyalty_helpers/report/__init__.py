"""What a reader sees: pages, words, charts and tables, and the gate through which all of them leave.

It takes what the other rooms found and gives text, pictures and HTML. It never computes a figure that is not there, and
nothing reaches a reader but through the page.
"""

__all__ = [
    "action_book",
    "advice",
    "call_sheet",
    "chapters",
    "charts",
    "evidence",
    "gate",
    "html",
    "page",
    "show",
    "tables",
    "wording",
]
