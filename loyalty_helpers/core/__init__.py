"""The ground that every other room stands on: columns, checks of settings, errors.

It takes nothing from any other room. It gives the one definition of each thing that several rooms must agree on. It
never opens a client's data, draws, or writes a sentence for the reader of a report.
"""

__all__ = ["checks", "columns", "errors", "yaml_files"]
