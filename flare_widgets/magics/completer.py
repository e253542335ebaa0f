"""The registration of the completion of ``%flare``, which is imported with the first line that it can complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from .verbs import VERBS

if TYPE_CHECKING:
    from .flare import FlareMagics

_MATCHER_ID = "flare_widgets"
_MATCHER_PRIORITY = 1000.0  # before Jedi, which is slow and cannot help here


def register(shell: InteractiveShell, magics: FlareMagics) -> None:
    """Register completion of ``%flare`` with a shell; repeated calls register it once."""
    unregister(shell)

    def matcher(context: CompletionContext) -> dict[str, Any]:
        if "%flare" not in context.text_until_cursor:
            return {"completions": []}
        from .completion import complete, make_value_source

        found = complete(context.text_until_cursor, VERBS, make_value_source(magics.state))
        if found is None:
            return {"completions": []}
        return {
            "completions": [SimpleCompletion(text=c.text, type=c.kind or "value") for c in found.candidates],
            "matched_fragment": found.fragment,
            "ordered": True,
            "suppress": True,
        }

    shell.Completer.custom_matchers.append(context_matcher(identifier=_MATCHER_ID, priority=_MATCHER_PRIORITY)(matcher))


def unregister(shell: InteractiveShell) -> None:
    """Remove completion of ``%flare`` from a shell."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "matcher_identifier", "") != _MATCHER_ID]
