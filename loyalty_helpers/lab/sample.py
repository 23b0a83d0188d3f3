"""The sample client's files: those of the simulated shop, and what only people write and tick in a survey.

The words are invented. They follow the satisfaction of whoever answered, and are drawn from a stream of their own, so
that all numbers of the simulated shop stay what they are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from loyalty_helpers.lab import simulate

COMMENT, OCCASIONS = "Comment", "What do you buy for?"
WRITES = 0.45  # share of the answers with a comment
PRAISE = (
    "Lovely staff, and they remember me", "The quality of the fabric is wonderful", "Great choice of dresses",
    "The points add up nicely", "Beautiful shop, nice music", "My parcel arrived in two days",
    "Fair prices for what you get", "店员很热情", "质量很好,会再来", "积分换了一条围巾,开心",
    "Just what I was looking for",
)
COMPLAINTS = (
    "Delivery took far too long", "A bit expensive", "My size is always sold out", "Nobody answered my message",
    "A seam came apart, the quality used to be better", "The queue at the cash desk was long", "Shipping is not cheap",
    "快递太慢了", "价格有点贵", "尺码不全", "I had hoped for more",
)
NEUTRAL = ("no", "Nothing to add", "Keep going", "无", "See you next season")
OCCASION_RATES = {"Work": 0.5, "Every day": 0.6, "Celebrations": 0.3, "Gifts": 0.25}


def write(folder: Path | str) -> None:
    """Write the exports of the sample client, and truth.yml, into `folder`: always the same bytes."""
    simulate.write_sample(folder)
    path = Path(folder) / "survey.csv"
    answers = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8")
    with_words(answers).to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def with_words(answers: pd.DataFrame) -> pd.DataFrame:
    """`answers` with a comment and ticked boxes; nobody's other answers change."""
    rng = np.random.Generator(np.random.PCG64([simulate.SAMPLE["seed"], *b"words"]))
    happy = (answers[simulate.HEADERS["survey"]["csat"]].astype(float).to_numpy() - 1) / 4
    kind = rng.random(len(answers))
    written = [str(rng.choice(NEUTRAL if one > 0.9 else PRAISE if rng.random() < joy else COMPLAINTS))
               for one, joy in zip(kind, happy, strict=True)]
    comments = np.where(rng.random(len(answers)) < WRITES, written, "")
    ticks = rng.random((len(answers), len(OCCASION_RATES))) < list(OCCASION_RATES.values())
    occasions = [";".join(np.array(list(OCCASION_RATES))[row]) for row in ticks]
    return answers.assign(**{OCCASIONS: occasions, COMMENT: comments})
