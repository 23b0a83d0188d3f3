"""The scales on which questions are answered."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

NPS_SCALE = (0.0, 10.0)
USUAL_TOPS = (5.0, 7.0)  # of scales; else 10


def scale(answers: pd.Series, question: str, declared: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    """The (worst, best) answer: as declared, 0 to 10 for nps, else the smallest usual scale that holds all answers."""
    if question in declared or question == "nps":
        return tuple(declared.get(question, NPS_SCALE))
    return 0.0 if answers.min() < 1 else 1.0, next((top for top in USUAL_TOPS if not answers.max() > top), 10.0)
