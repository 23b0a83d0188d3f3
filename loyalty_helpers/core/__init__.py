"""The ground that every room stands on: settings, findings, messages, intervals, files of a client.

It takes plain values and frames and gives typed ones back. It knows no export, no chapter and no language, and imports
no other room.
"""

__all__ = [
    "calendar",
    "findings",
    "glm",
    "intervals",
    "messages",
    "packed",
    "purchases",
    "scales",
    "settings",
    "store",
    "windows",
]
