"""Shops with a known truth, and the study of how often each method is right about them.

It takes seeds and gives invented shops, and tables of hits and misses. Nothing of the product imports it.
"""

__all__ = [
    "baselines",
    "histories",
    "life",
    "sample",
    "simulate",
    "study",
    "study_charts",
    "study_page",
    "tally",
    "validate",
]
