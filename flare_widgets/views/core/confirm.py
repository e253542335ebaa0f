"""A question, with a button for yes and one for no, that the running cell waits for the answer to."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import traitlets

from ...formatting.text import sanitize
from .html import confirmation_html
from .live_view import LiveView

_STATIC = Path(__file__).parents[1] / "static"
_MAX_TEXT_CHARS = 500


class ConfirmationView(LiveView):
    """A question to the person at the notebook. Once answered, its static form says what the answer was.

    Parameters
    ----------
    question
        In full sentences: what will be done.
    yes, no
        What the buttons say.

    Attributes
    ----------
    question, yes, no : str
        The same, fit to be shown.
    answer : bool or None
        What was answered; None before it was.
    """

    _esm = _STATIC / "confirm.js"
    _css = _STATIC / "confirm.css"

    question = traitlets.Unicode().tag(sync=True)
    yes = traitlets.Unicode().tag(sync=True)
    no = traitlets.Unicode().tag(sync=True)

    def __init__(self, question: str, yes: str = "Yes, do it", no: str = "No") -> None:
        self.answer: bool | None = None
        self._displayed = threading.Event()
        self._answered = threading.Event()
        super().__init__(
            question=sanitize(question, _MAX_TEXT_CHARS),
            yes=sanitize(yes, _MAX_TEXT_CHARS),
            no=sanitize(no, _MAX_TEXT_CHARS),
        )

    def ask(self, timeout_s: float) -> bool | None:
        """Show the question in the running cell, wait for the answer, and leave both there.

        Parameters
        ----------
        patience
            Seconds until a front end must have shown it.

        Returns
        -------
        bool or None
            The answer. None when no front end is heard while the cell runs, as of those that send what is clicked
            behind it: there, it has to be asked otherwise.
        """
        self.show()
        try:
            if self._displayed.wait(timeout_s):
                self._answered.wait()
            return self.answer
        finally:
            self.make_static()

    def _mimebundle(self) -> dict[str, str]:
        answer = {None: "not answered here", True: f"→ {self.yes}", False: f"→ {self.no}"}[self.answer]
        return {"text/plain": f"{self.question} {answer}", "text/html": confirmation_html(self.question, answer)}

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        self._displayed.set()
        super()._on_message(widget, content, buffers)

    def _handle_message(self, message: dict[str, Any]) -> None:
        match message:
            case {"kind": "answer", "yes": bool() as answer} if not self._is_static and self.answer is None:
                self.answer = answer
                self._answered.set()
