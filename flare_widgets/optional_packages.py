"""Import of packages that are not part of the install, when they are used."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .errors import NotInstalled


def import_package(module: str, purpose: str) -> Any:
    """Return a module of an optional package.

    Parameters
    ----------
    module
        The module; its package is called as its first part.
    purpose
        What needs it, as the beginning of a sentence: ``this model``.

    Raises
    ------
    NotInstalled
        It is missing.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError:
        raise NotInstalled(
            f"{purpose} needs {package}, which is not installed", next_step=f"Install it: pip install {package}"
        ) from None


def make_frame(records: Sequence[Mapping[str, Any]], columns: Iterable[str] = ()) -> Any:
    """Return records as a ``pandas.DataFrame``.

    Parameters
    ----------
    records
        The records; a value that one of them lacks is missing in its row.
    columns
        The columns that there are also without records, first.

    Raises
    ------
    NotInstalled
        pandas is missing.
    """
    pandas = import_package("pandas", "a DataFrame")
    names = dict.fromkeys([*columns, *(name for record in records for name in record)])
    return pandas.DataFrame([[record.get(name) for name in names] for record in records], columns=list(names))
