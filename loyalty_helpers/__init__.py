"""The face: what chapters and whoever works from Python import. Each name is loaded when it is first asked for.

    from loyalty_helpers import evaluation, forecast, scoring
"""

from importlib import import_module
from typing import Any

# name -> where it lives; the name itself where that is a module, or what the module gives
_MODULES = {
    "actions": "customers.actions",
    "affinity": "customers.affinity",
    "agreement": "forecast.agreement",
    "cases": "evaluation.cases",
    "chapters": "report.chapters",
    "cohorts": "customers.cohorts",
    "concentration": "customers.concentration",
    "drift": "customers.drift",
    "evaluation": "evaluation",
    "findings": "core.findings",
    "forecast": "forecast",
    "intervals": "core.intervals",
    "kpis": "evaluation.kpis",
    "migration": "customers.migration",
    "pseudonyms": "ingest.pseudonyms",
    "quadrant": "customers.quadrant",
    "referrals": "customers.referrals",
    "rhythm": "customers.rhythm",
    "score": "customers.score",
    "scoring": "customers.scoring",
    "settings": "core.settings",
    "simulate": "lab.simulate",
    "store": "core.store",
    "tables": "customers.tables",
    "validate": "lab.validate",
}
_FUNCTIONS = {
    "at_the_till": "evaluation",
    "customer_features": "forecast",
    "fit_bg_nbd": "forecast",
    "fit_gamma_gamma": "forecast",
    "ladder": "evaluation",
    "load_client": "core.settings",
    "load_model": "forecast",
    "loyalty_score": "customers.score",
    "message": "core.messages",
    "outlook": "forecast",
    "randomised": "evaluation",
    "repurchase": "forecast",
    "rfm": "customers.rfm",
    "words": "report.wording",
}

__all__ = sorted([*_MODULES, *_FUNCTIONS])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{_MODULES[name]}")
    if name in _FUNCTIONS:
        return getattr(import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
