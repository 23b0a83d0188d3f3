"""From a folder of exports to a client.yml: what is this file, and what do we still have to ask?

It takes files nobody has described and gives a proposal with numbered questions. It never prepares data, and nothing
that it proposes counts before it stands in client.yml.
"""

__all__ = [
    "guess",
    "questions",
    "start",
]
