"""The verbs of make, for machines without it: `make report CLIENT=acme` is `python -m loyalty_helpers report acme`."""

from __future__ import annotations

import argparse
import os
import sys

from . import client, faults
from .core import errors

VERBS = {
    "report": "build the report of CLIENT in reports/CLIENT",
    "check": "say what was understood of data/CLIENT",
    "new": "start a client: data/CLIENT/client.yml (--from PATH: from the exports there, recognised or guessed at)",
    "formats": "list the exports that --from recognises",
    "holdout": "draw a random holdout for the next campaign of CLIENT (--share 0.1, --seed 7)",
    "purge": "remove what was made of the data of CLIENT: prepared tables, reports, private lists; exports stay",
    "validate": "measure how far the estimates can be trusted, or on the orders of CLIENT alone (--quick: two minutes)",
    "fuzz": "read hostile exports by the thousand (--cases 10000, --seed 1) and keep those that are answered badly",
    "sample": "make data/sample again",
    "notebooks": "execute the chapters on the sample and keep them in notebooks/",
}


def run(verb: str, key: str, **options: str | bool) -> int:
    """Do what `verb` says for the client `key`; the exit code. Each verb imports only what it needs."""
    client.check_key(key)
    if verb == "new" and options["exports"]:
        from . import start
        print(errors.printable(start.make(key, options["exports"])[1]))
        return 0
    if verb == "formats":
        from . import formats
        print(errors.printable(formats.describe()))
        return 0
    if verb == "new":
        path = client.new_client(key)
        print(f"Made {path.relative_to(client.ROOT)}. Put the client's files beside it, fill it in, then: "
              f"make check CLIENT={key}")
        return 0
    if verb == "check":
        from . import check, report
        shop = client.load_client(key)
        if words := check.ahead(shop):
            print(errors.printable(words), file=sys.stderr, flush=True)
        report.check_parameters(shop)
        print(errors.printable(check.describe(shop)))
        return 0
    if verb == "holdout":
        from . import holdout
        print(errors.printable(holdout.make(client.load_client(key), **options)))
        return 0
    if verb == "validate":
        from . import validate
        return validate.validate(key, **options)
    if verb == "fuzz":
        from . import fuzz
        return fuzz.fuzz(*(fuzz.number(options[name], name) for name in ("cases", "seed")))
    if verb == "sample":
        from . import sample
        sample.write(client.ROOT / "data" / "sample")
        return 0
    from . import report
    if verb == "purge":
        print(errors.printable(report.purge(key)))
        return 0
    return report.build(key) if verb == "report" else report.refresh_notebooks()


def main(arguments: list[str] | None = None) -> int:
    verbs = "\n".join(f"  {verb:10} {words}" for verb, words in VERBS.items())
    parser = argparse.ArgumentParser(prog="python -m loyalty_helpers", description=f"{__doc__}\n\n{verbs}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("client", nargs="?", default="sample", help="folder under data/ (default: sample)")
    parser.add_argument("--from", dest="exports", metavar="PATH", help="new: file or folder of the client's exports")
    parser.add_argument("--share", help="holdout: share of the customers to hold out (default: 0.1)")
    parser.add_argument("--seed", help="holdout: a whole number, to draw again on purpose (default: the date); fuzz: 1")
    parser.add_argument("--cases", help="fuzz: how many cases (default: 10000)")
    parser.add_argument("--quick", action="store_true", help="validate: fewer draws")
    given = parser.parse_intermixed_args(arguments)  # options may stand before the client too
    if given.verb != "holdout" and given.share is not None:
        parser.error("--share belongs to the verb holdout")
    if given.verb not in ("holdout", "fuzz") and given.seed is not None:
        parser.error("--seed belongs to the verbs holdout and fuzz")
    if given.verb != "fuzz" and given.cases is not None:
        parser.error("--cases belongs to the verb fuzz")
    if given.exports is not None and given.verb != "new":
        parser.error("--from belongs to the verb new")
    if given.quick and given.verb != "validate":
        parser.error("--quick belongs to the verb validate")
    options = {"new": {"exports": given.exports or ""},
               "holdout": {"share": "0.1" if given.share is None else given.share, "seed": given.seed or ""},
               "validate": {"quick": given.quick},
               "fuzz": {"cases": given.cases or "10000", "seed": given.seed or "1"}}.get(given.verb, {})
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a console that lacks a character shows "?" and goes on
    try:
        return run(given.verb, given.client, **options)
    except errors.UserError as error:
        print(errors.printable(str(error)), file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, MemoryError) as error:
        print(errors.printable(faults.words(error)), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
