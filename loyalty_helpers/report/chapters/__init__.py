"""One module a chapter: what only that chapter joins of what the rooms found.

Each takes frames and findings and gives frames, findings and messages; nothing is shown and nothing is written here.
"""

__all__ = ["ch00", "ch01", "ch02", "ch03", "ch04"]
