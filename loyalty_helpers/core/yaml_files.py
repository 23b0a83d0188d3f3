"""Files of settings as YAML, without its traps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from loyalty_helpers.core.checks import shown
from loyalty_helpers.core.errors import UserError


class _Loader(yaml.SafeLoader):
    """YAML without its traps: a key given twice, a date that does not exist, and any other value that cannot be read
    is an error with its line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                problem = "a value that begins with { or [ cannot be read; put it in quotes"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"'{key.value}' is given twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            made = super().construct_object(node, deep=deep)
            if type(made) is int:
                float(made)  # no number of a shop is too large for that
            return made
        except (ValueError, TypeError, AttributeError, LookupError, OverflowError):
            is_date = node.tag.endswith(":timestamp")
            problem = f"there is no date {node.value}" if is_date else f"the value {shown(node.value)} cannot be read"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None


def read_yaml(path: Path, name: str) -> Any:
    """What a file of settings holds, without YAML's traps. A UserError, which begins with `name`, where it cannot be.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except UnicodeDecodeError:
        raise UserError(f"{name} is not saved as UTF-8 text. Save it again with the encoding UTF-8.") from None
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        unmarked = "it is nested too deeply" if isinstance(error, RecursionError) else "a value in it cannot be read"
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or unmarked
        raise UserError(f"{name}{line}: this is not a valid settings file: {problem}. Usual causes: a tab instead of "
                        "blanks, no blank after a colon, different indents in one section, an open quote.") from None
