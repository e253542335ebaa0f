"""Settings and help."""

from __future__ import annotations

from ...options import option
from ...views.core.pretty import PrettyTable
from ..parsing import find_verb, format_verb_list, verb
from ..state import MagicsState


@verb()
def config(state: MagicsState) -> PrettyTable:
    """List the settings, their values, and where each comes from.

    Change one with %config FlareWidgets.NAME = VALUE; permanently with c.FlareWidgets.NAME = VALUE in your IPython
    profile, or with the environment variable in the table.

    Examples:
        %flare config
        settings = %flare config    a list of dicts
    """
    headings = {
        "name": "setting",
        "value": "value",
        "source": "source",
        "variable": "environment",
        "meaning": "meaning",
    }
    return PrettyTable((row._asdict() for row in state.config.settings()), headings)


@verb(option("word", nargs="?", metavar="VERB", completes="verbs", help="the verb to explain (default: list all)"))
def help_(_: MagicsState, word: str | None) -> None:
    """Explain a verb, or list all of them.

    A question mark does the same: %flare submit?

    Examples:
        %flare help
        %flare help monitor
        %flare help %%flare     the cell magic
    """
    from ..cell import CELL_MAGIC
    from . import GROUPS, VERBS

    if word == CELL_MAGIC.parser.prog:
        print(CELL_MAGIC.help())  # noqa: T201
        return
    print(format_verb_list(GROUPS) if word is None else find_verb(VERBS, word).help())  # noqa: T201
