"""Who is loyal, who is late, who is leaving, and whom to call.

It takes canonical orders and gives one row per customer, per week or per group of them, and the list of calls. It
never looks ahead, and never judges the program.
"""

__all__ = [
    "actions",
    "affinity",
    "buyers",
    "cohorts",
    "concentration",
    "drift",
    "levels",
    "migration",
    "quadrant",
    "referrals",
    "rfm",
    "rhythm",
    "score",
    "scoring",
    "tables",
]
