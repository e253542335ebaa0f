"""A question with two buttons, whose answer the running cell waits for."""

from __future__ import annotations

import threading
from typing import Any

import traitlets

from ...formatting.text import sanitize
from .html import scoped_style, template_environment
from .live_view import LiveView

_MAX_TEXT_CHARS = 500


class ConfirmationView(LiveView):
    """A question to the person at the notebook. Once answered, its static form shows the answer.

    Parameters
    ----------
    question
        The question in full sentences: it says what will be done.
    confirm_label, cancel_label
        The labels of the buttons: what the first one does, and the one that does nothing.

    Attributes
    ----------
    question, confirm_label, cancel_label : str
        The same, safe to display.
    answer : bool or None
        The answer; None before there is one.
    """

    bundle = "confirm"

    question = traitlets.Unicode().tag(sync=True)
    confirm_label = traitlets.Unicode().tag(sync=True)
    cancel_label = traitlets.Unicode().tag(sync=True)

    def __init__(self, question: str, confirm_label: str, cancel_label: str = "Cancel") -> None:
        self.answer: bool | None = None
        self._displayed = threading.Event()
        self._answered = threading.Event()
        super().__init__(
            question=sanitize(question, _MAX_TEXT_CHARS),
            confirm_label=sanitize(confirm_label, _MAX_TEXT_CHARS),
            cancel_label=sanitize(cancel_label, _MAX_TEXT_CHARS),
        )

    def ask(self, timeout_s: float) -> bool | None:
        """Show the question in the running cell, wait for the answer, and leave both there.

        Parameters
        ----------
        timeout_s
            Seconds within which a front end must have shown it.

        Returns
        -------
        bool or None
            The answer. None if no message of the front end arrives while the cell runs, as with front ends that queue
            clicks behind the cell: there, it has to be asked otherwise.
        """
        self.show()
        try:
            if self._displayed.wait(timeout_s):
                self._answered.wait()
            return self.answer
        finally:
            self.make_static()

    def _mimebundle(self) -> dict[str, str]:
        answer = {None: "not answered here", True: f"→ {self.confirm_label}", False: f"→ {self.cancel_label}"}[
            self.answer
        ]
        return {"text/plain": f"{self.question} {answer}", "text/html": _confirmation_html(self.question, answer)}

    def _facts(self) -> object:
        return self.answer

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        self._displayed.set()
        super()._on_message(widget, content, buffers)

    def _handle_message(self, message: dict[str, Any]) -> None:
        match message:
            case {"kind": "answer", "is_confirmed": bool() as answer} if not self._is_static and self.answer is None:
                self.answer = answer
                self._answered.set()


def _confirmation_html(question: str, answer: str) -> str:
    """Return a question that was asked in a notebook, and its answer, as HTML for a saved notebook."""
    root, style = scoped_style("confirm-static.css")
    template = template_environment().get_template("confirm.html.j2")
    return template.render(root=root, style=style, question=question, answer=answer)
