"""Settings and help."""

from __future__ import annotations

from ...options import option
from ...views.core.pretty import Listing
from ..parsing import find, help_all, verb
from ..state import State


@verb()
def config(state: State) -> Listing:
    """Show the settings, their values, and where each comes from.

    Change one by %config FlareWidgets.NAME = VALUE; for good by c.FlareWidgets.NAME = VALUE in your IPython profile,
    or by the environment variable in the table.

    Examples:
        %flare config
        settings = %flare config    a list of dicts
    """
    headings = {"name": "setting", "value": "value", "source": "from", "variable": "environment", "meaning": "meaning"}
    return Listing((row._asdict() for row in state.config.settings()), headings)


@verb(
    option("word", nargs="?", metavar="VERB", completes="verbs", help="the verb to explain; all are listed if left out")
)
def help_(_: State, word: str | None) -> None:
    """Explain a verb, or list all of them.

    Examples:
        %flare help
        %flare help monitor
    """
    from . import GROUPS, VERBS

    print(help_all(GROUPS) if word is None else find(VERBS, word).help())  # noqa: T201
