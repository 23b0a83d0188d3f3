"""Chapter 04's evidence in words and tables: members at the till, what the numbers mean, and what they do not show.

Pure, like `chapters`: everything here returns frames, findings or sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

import pandas as pd
import yaml

from loyalty_helpers import evaluation
from loyalty_helpers.core.findings import (
    NAN,
    Change,
    Effect,
    Finding,
    amount,
    capital,
    chance,
    count,
    difference,
    number,
)
from loyalty_helpers.core.settings import CLONE, Client, Program
from loyalty_helpers.evaluation.panel import KNOWN_FOR, USABLE
from loyalty_helpers.evaluation.till import LABELS
from loyalty_helpers.evaluation.weeks import FOLLOW_UP, first_joining, missing
from loyalty_helpers.lab import study as validation
from loyalty_helpers.lab import tally
from loyalty_helpers.report import gate as privacy

Frames = Mapping[str, pd.DataFrame]
ASSUMPTIONS = (
    "people join at an order, not in a quiet week",
    "given a customer's last half-year of orders and a stable personal rate of buying, joining says nothing more about "
    f"the next {FOLLOW_UP} weeks",
    "older orders matter for joining only through that personal rate",
    "what a history of orders says of the weeks to come is the same before and after the launch, up to one factor for "
    "the whole market",
)
# kinds of simulated shops in which the comparison at the till is known to lean, in words
LEANS = {
    "hidden appetite": "a passing appetite that no order shows makes people join",
    "demand step": "everybody's demand jumped at the launch",
    "old-history joining": "old orders themselves, and not the personal rate, make people join",
}
UNMEASURED = (
    "Neither the changes nor the trend say what the program caused. Season, prices, advertising, competitors and who "
    "chose to join are in all of them. Members against comparable buyers, or a random holdout, would tell.")
DRAWN = (
    "The draw answers for those who were drawn, in this time. It does not say what the program would do for others, or "
    "next year, nor which part of the program did it.")


# ---------------------------------------------------------------- what was compared
def till(effects: Sequence[Effect], outcome: str = "orders") -> Effect:
    """The comparison at the till among the `effects`, the shown one; one that says so where none was made."""
    why = "it takes a launch date, a member list with dates of joining, and customers who could join and did not"
    none = missing(LABELS["calibrated", outcome], why, rung=3, grade="C", outcome=outcome)
    return next((one for one in effects if one.rung == 3 and one.outcome == outcome), none)


def draw(effects: Sequence[Effect]) -> Effect | None:
    """The comparison of customers as drawn, among the `effects`; None without an assignment."""
    return next((one for one in effects if one.rung == 4 and one.outcome == "orders"), None)


def trend(effects: Sequence[Effect]) -> Effect:
    """The whole shop's orders against their trend, among the `effects`."""
    return next(one for one in effects if one.rung == 2 and one.grade == "D" and one.outcome == "orders")


def power(frames: Frames, shop: Client, effects: Sequence[Effect], changes: Sequence[Change]) -> pd.DataFrame:
    """`evaluation.power_table` of a client: what each design could find, with the joiners there are."""
    launch, retention = shop.program.launched_on, next(one for one in changes if one.kpi == "retention")
    usable = None if shop.program.joining == "everyone" or first_joining(frames).empty else 0
    if usable is not None and launch is not None:
        usable = int((evaluation.joiners(frames, launched_on=launch) == USABLE).sum())
    table = evaluation.power_table(frames, launched_on=launch, effects=effects, usable_joiners=usable,
                                   retention=retention.before)
    return privacy.published(table, shop, within=["design"], figures=[])


def since_joining(frames: Frames, program: Program, effect: Effect) -> pd.DataFrame:
    """`evaluation.since_joining` where the comparison at the till could be made; else empty."""
    if not effect.measurable:
        return pd.DataFrame(columns=["weeks", "estimate", "low", "high", "joiners"])
    return evaluation.since_joining(frames["orders"], frames["members"], launched_on=program.launched_on,
                                    confidence=effect.confidence)


def at_launch(orders: pd.DataFrame, program: Program) -> str:
    """What else moved at the launch, as far as orders show it."""
    return evaluation.at_launch_sentence(evaluation.at_launch(orders, launched_on=program.launched_on))


def segments(frames: Frames, shop: Client, effect: Effect) -> pd.DataFrame:
    """`evaluation.by_segment`, with each group's own lift where there are joiners enough."""
    lifts = {} if not effect.measurable else evaluation.by_group(
        frames["orders"], frames["members"], evaluation.segments(frames, shop), launched_on=shop.program.launched_on,
        confidence=effect.confidence)
    return privacy.published(evaluation.by_segment(frames, shop, lifts), shop)


def planted(shop: Client) -> Finding:
    """The lift that was planted in a simulated shop (truth.yml beside its settings); not measurable in a real one."""
    label, path = "the planted lift of members", shop.folder / "truth.yml"
    if not path.exists():
        return Finding(label=label, unit="lift", estimate=NAN, note="in a real shop the truth is not known")
    truth = yaml.safe_load(path.read_text(encoding="utf-8"))["shop"]
    return Finding(label=label, unit="lift", estimate=truth["lift_13_weeks"], n=truth["members_followed_13_weeks"])


# ---------------------------------------------------------------- in words
def planted_sentence(truth: Finding, headline: Effect | None) -> str:
    """For a simulated shop: whether the headline holds the truth, and how far the usual comparisons are off."""
    if not truth.measurable:
        return ""
    said = f"This shop is simulated, and its truth is known: {truth.label} is {difference(truth.estimate, 'lift')}."
    if headline is None or headline.rung < 3:
        return said
    held = "holds" if headline.low <= truth.estimate <= headline.high else "misses"
    return f"{said} The headline's interval, {headline.interval}, {held} it."


def used(effect: Effect) -> str:
    """How many members could be compared, and how many could not."""
    told = effect.diagnostics
    if not told:
        return f"Members could not be compared: {effect.note}."
    aside = sum(told["set_aside"].values())
    share = told["joiners_used"] / max(told["joiners_used"] + aside, 1)
    return (f"{count(told['joiners_used'], 'joiner')} could be compared, {amount(share, 'share', digits=0)} of all "
            f"members; {number(aside)} could not, for the reasons below.")


def limits(effects: Sequence[Effect]) -> str:
    """`what_it_does_not_show` for one page."""
    headline = evaluation.headline(effects)
    if headline is None or headline.rung != 3:
        return what_it_does_not_show(effects)
    return ("The comparison with comparable buyers rests on what no data can prove: above all that nothing but their "
            "history of orders sets joiners apart. Chapter 4 names all of it, and where the method is known to lean.")


def spending(effects: Sequence[Effect]) -> str:
    """What the headline's comparison says of spending, which the money does not use: it scatters more than orders."""
    headline = evaluation.headline(effects)
    if headline is None or headline.rung < 3:
        return ""
    spend = next((one for one in effects if one.rung == headline.rung and one.outcome == "spend"), None)
    return "" if spend is None or not spend.measurable else (
        "The money rests on the lift in orders, which is measured more closely than spending. The same comparison of "
        f"spending: {spend.value} ({spend.level} interval {spend.interval}).")


def what_it_does_not_show(effects: Sequence[Effect]) -> str:
    """What the headline leaves open, by what it rests on."""
    headline = evaluation.headline(effects)
    if headline is None or headline.rung <= 2:
        return UNMEASURED
    if headline.rung == 4:
        return DRAWN
    calibrated = headline.label in (LABELS["calibrated", "orders"], LABELS["calibrated", "spend"])
    held = "; ".join(f"({i}) {words}" for i, words in enumerate(ASSUMPTIONS[: None if calibrated else 3], start=1))
    return (f"The comparison of members with comparable buyers rests on what no data can prove: {held}. "
            f"{_leanings(study())} Only a random holdout removes the first of these.")


# ---------------------------------------------------------------- how often the methods err
def study() -> pd.DataFrame:
    """The table of the published simulation study; empty where it is not at hand."""
    path = CLONE / "validation" / "results.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=[*tally.COLUMNS, *tally.MEASURES])


def error_rates(headline: Effect | None, customers: int, found: pd.DataFrame) -> str:
    """How often the headline's method was right where the truth is known, in shops of this size or smaller.

    From `found`, the table of the `study`; "" where it says nothing of that method.
    """
    rows = found[(found["estimator"] == _studied(headline)) & (found["kind"] == "simulated") & (found["lift"] >= 0)
                 & found["scenario"].isin(validation.COUNTING)]
    if rows.empty:
        return ""
    sizes = sorted(rows["customers"].unique())
    nearest = max((size for size in sizes if size <= customers), default=sizes[0])  # rather smaller than larger
    rows = rows[rows["customers"] == nearest]
    every = tally.pooled(rows, ["estimator"]).iloc[0]
    said = (f"In {number(every['answers'])} simulated shops of {number(nearest)} customers, this method's interval "
            f"held the planted truth in {amount(every['coverage'], 'share')}")
    if not (rows["lift"] == 0).any():
        return f"{said}."
    none = tally.pooled(rows[rows["lift"] == 0], ["estimator"]).iloc[0]
    return (f"{said}; where the program did nothing, it found a lift in {amount(none['claims_positive'], 'share')} of "
            f"the cases, and the verdict would have been “works” or “probably works” in "
            f"{amount(none['says_works'], 'share')}.")


def _studied(headline: Effect | None) -> str:
    """The name under which the study knows the method of an effect."""
    names = {LABELS["calibrated", "orders"]: validation.CALIBRATED, LABELS["doubly robust", "orders"]:
             validation.DOUBLY_ROBUST}
    label = "" if headline is None else headline.label
    if headline is not None and headline.rung == 4:
        return validation.WELCH if "Welch" in label else validation.CUPED
    return names.get(label, "unobserved components, local level" if headline is not None and headline.rung == 2 else "")


def _leanings(found: pd.DataFrame) -> str:
    """Where the comparison at the till leans, and by how much it did in simulated shops without an effect."""
    rows = found[(found["estimator"] == validation.CALIBRATED) & (found["lift"] == 0) & (found["customers"] == 1000)]
    bias = rows.set_index("scenario")["bias"].reindex(list(LEANS))
    sizes = [f" ({difference(value, 'lift')} there, in simulated shops without an effect)" if isfinite(value) else ""
             for value in bias]
    too_high, jump, too_low = (words + size for words, size in zip(LEANS.values(), sizes, strict=True))
    return (f"It leans towards “it works” where {too_high}, and where {jump}; towards “no effect” where {too_low}.")




def drawn(effect: Effect | None) -> str:
    """What the draw says, and of those who joined because of it; or how customers are drawn."""
    if effect is None:
        return ("Nobody was drawn at random so far. make holdout CLIENT=… SHARE=0.5 draws customers to leave out of "
                "the next campaign; the next report then compares as drawn.")
    complier = effect.diagnostics.get("complier")
    joined = ("" if complier is None or not complier.measurable else
              f"{capital(complier.label)}: {complier.value} ({complier.level} interval {complier.interval}).")
    return f"{effect.sentence} {effect.note} {joined}".strip()


# ---------------------------------------------------------------- tables for the eye
def draw_shown(effect: Effect | None) -> pd.DataFrame:
    """The checks of a draw, each of which can fail; empty without one."""
    told = {} if effect is None else effect.diagnostics
    if "balance" not in told:
        return pd.DataFrame(columns=["check", "found", "chance of as much or more by lot"])
    planned = (f"planned {amount(told['planned share'], 'share')}" if told["share declared"] else
               "the plan is not in the settings")
    size = [("share held out", f"{amount(told['share held out'], 'share')}, {planned}",
             chance(told["share p"]) if told["share declared"] else "–")]
    before = [(f"{name}, of those with the program and held out",
               f"{number(row['treated'], 2)} and {number(row['held out'], 2)}", chance(row["p"]))
              for name, row in told["balance"].items()]
    joined = [(f"became members, of the arm {arm}", amount(share, "share"), "–")
              for arm, share in (told["joined"] or {}).items()]
    return pd.DataFrame([(capital(check), *rest) for check, *rest in size + before + joined],
                        columns=["check", "found", "chance of as much or more by lot"])


def joiners_shown(effect: Effect) -> pd.DataFrame:
    """How many members the comparison used, and how many were set aside, by reason; empty where none was made."""
    told = effect.diagnostics
    if not told:
        return pd.DataFrame(columns=["members", "number"])
    reached = f"compared: joined at an order, customers for {KNOWN_FOR} weeks by then, {FOLLOW_UP} weeks to follow"
    rows = {reached: told["joiners_used"], **{f"set aside: {why}": n for why, n in told["set_aside"].items()}}
    return pd.DataFrame({"members": [capital(words) for words in rows], "number": list(rows.values())})


def quantities_shown(effect: Effect) -> pd.DataFrame:
    """What the comparison at the till rests on, each quantity with its meaning; empty where nothing was estimated."""
    columns = ["quantity", "value", "what it means"]
    if not effect.measurable:
        return pd.DataFrame(columns=columns)
    told, most = effect.diagnostics, difference(evaluation.IMPLAUSIBLE, "lift")
    agree = "yes" if told["overlap"] else "no" if told["cross_check"] else "–"
    rows = [
        ("market factor (kappa)", number(told["kappa"], 2),
         "buying of everybody between an order and the next, since the launch over what histories predict: season, "
         "growth and whatever touched all customers; divided out"),
        ("who joins (beta)", number(told["beta"], 2, signed=True),
         "how much more readily customers with a higher personal rate join; 0 is no more readily"),
        ("shift", difference(told["shift"], "lift", digits=1),
         "by how much expected orders of joiners were raised because joining itself shows a higher personal rate"),
        ("steadiness (tau)", number(told["tau"], 2),
         "1: a customer's orders scatter as by chance alone; less: they come in spells, and a history says less"),
        ("long before (rho)", _placebo(effect),
         "orders of joiners long before the launch over those of comparable buyers: 1 is no hidden difference; divided "
         "out of the comparison with other buyers"),
        ("orders compared with", number(told["comparison_orders"]), "orders of customers who did not join at them"),
        ("customers compared with", number(told["ess"]), "how many customers the weighted comparison is worth"),
        ("do the two estimates agree?", agree, "whether the intervals of headline and cross-check overlap"),
        ("plausible?", "yes" if effect.estimate <= evaluation.IMPLAUSIBLE else "look twice",
         f"a lift above {most} is more than published programs reach"),
    ]
    return pd.DataFrame(rows, columns=columns)


def _placebo(effect: Effect) -> str:
    low, high = number(effect.placebo_low, 2), number(effect.placebo_high, 2)
    return f"{number(effect.placebo, 2)} ({low} to {high})" if isfinite(effect.placebo) else "–"


def segments_shown(table: pd.DataFrame, shop: Client) -> pd.DataFrame:
    """`segments` for a reader: who they are, what they spent, the rewards they got, and their own lift."""
    lifts = [difference(lift, "lift") if isfinite(lift) else "–" for lift in table["lift"]]
    ends = [f"{difference(low, 'lift')} to {difference(high, 'lift')}" if isfinite(low) else "–"
            for low, high in zip(table["low"], table["high"], strict=True)]
    money = {label: [amount(value, shop.currency) for value in table[name]]
             for name, label in (("spend", "spent since joining"), ("rewards", "rewards"))}
    return pd.DataFrame({
        "group": [capital(str(name)) for name in table["segment"]], "orders in the year before": table["orders_before"],
        "members": table["members"], **money,
        "share of rewards": [amount(share, "share", digits=0) for share in table["rewards_share"]],
        "lift": lifts, "interval": ends,
    })


def balance(effect: Effect) -> pd.DataFrame:
    """How alike joiners and their comparison are; empty where there was none."""
    return effect.diagnostics.get("balance", pd.DataFrame())


def propensity(effect: Effect) -> pd.DataFrame:
    """Quantiles of the chance to join, of joiners and others; empty where there was none."""
    return effect.diagnostics.get("propensity", pd.DataFrame())
