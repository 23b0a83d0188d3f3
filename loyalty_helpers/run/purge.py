"""The verb `purge`: what was made of a client's data goes, the data stay."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from loyalty_helpers.core.settings import ROOT, Client, UserError, clients, suggest
from loyalty_helpers.run import faults, publish, state


def purge(client_key: str) -> str:
    """Remove everything that was made of a client's data, and say what is gone and what stays.

    Gone: prepared tables, reports, the list of actions, the call sheet, the scores kept of earlier reports and the
    customers' own ids. The raw files, the settings, draws of a holdout and all else in the private folder stay. Raises
    UserError where there is no such client, while a run of it is under way, and where something cannot be removed.
    """
    if client_key not in clients():
        raise UserError(f"There is no client '{client_key}', so nothing was removed.{suggest(client_key, clients())} "
                        f"Clients here: {', '.join(clients()) or 'none'}.")
    # settings that cannot be read must not keep data from being removed: only the places are needed
    shop = Client(key=client_key, folder=ROOT / "data" / client_key, name=client_key, currency="", time_zone="",
                  sources={})
    was_prepared = shop.prepared.exists()
    with faults.only_run(shop):
        publish.tidy(shop)
        found = [path for path in _made(shop) if path.exists() or path.is_symlink()]
        gone = [state.relative(shop, path) + (" (a link: what it leads to stays)" if path.is_symlink() else "")
                for path in found]
        for path in found:
            _remove(shop, path)
    if was_prepared:
        gone.insert(0, state.relative(shop, shop.prepared))
    _remove(shop, shop.prepared)  # last, because the lock lies in it
    with suppress(OSError):
        shop.private.rmdir()  # unless something else lies there
    stay = [f"data/{client_key}/{path.name}" for path in sorted(shop.folder.iterdir())]
    return "\n".join([
        f"Removed: {', '.join(gone)}." if gone else "There was nothing to remove.",
        f"Still there: {', '.join(stay)}.",
        "The exports themselves hold personal data too: delete them where they are no longer needed, and copies of "
        "the report that were sent to others."])


def _made(shop: Client) -> list[Path]:
    """What the verbs make of a client's data beside the prepared tables, but for draws of a holdout: without these no
    experiment can be read."""
    validation = shop.reports.with_name(f"validation_{shop.key}")
    lists = [shop.private / name for name in ("action_list.csv", "action_list.xlsx", "call_sheet.html", "scores",
                                              "repurchase.model", "ids.parquet")]
    return [shop.reports, state.failed(shop), validation, *lists]


def _remove(shop: Client, path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()  # of a link, not of what it leads to
    except OSError as error:
        raise UserError(f"{state.relative(shop, path)} could not be removed ({error.strerror}). Close what is open "
                        "from it, and run make purge again.") from None
