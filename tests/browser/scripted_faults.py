"""A local federation that does what it is told. Imported by the kernels of the browser tests; nothing is started."""

from __future__ import annotations

import time

from flare_widgets.federation.faults import FAULTS, disabled_reasons, state_text
from flare_widgets.federation.mailbox import ProcessState
from flare_widgets.views.faults.view import ProcessRow

_STATES = {"kill": "killed", "pause": "paused", "slow": "slow", "back": "running"}


class ScriptedBoard:
    """Part of a federation that the faults view needs."""

    title = "clinics"
    faults = FAULTS

    def __init__(self, *names: str) -> None:
        self.states = {name: ProcessState(name, "running", 1, time.time() - 65, 1) for name in names}

    def rows(self) -> list[ProcessRow]:
        return [
            ProcessRow(one.name, one.state, state_text(one), one.since, disabled_reasons(one))
            for one in self.states.values()
        ]

    def denial_reason(self) -> str:
        return ""

    def question(self, what: str, who: str) -> str:
        return f"Kill {who}?" if what == "kill" else ""

    def inject(self, what: str, who: str) -> str:
        self.states[who] = ProcessState(who, _STATES[what], 1, time.time(), 1)
        return state_text(self.states[who])
