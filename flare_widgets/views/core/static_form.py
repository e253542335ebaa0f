"""The static form that stands beside a live view in a notebook: what is left of the view without its kernel.

A live view and its static form are two outputs of a cell, one after the other, and a reader is to see one of them. The
style sheet in the static form sees to that, without a script, in every page that shows the saved notebook: while
the live view is drawn (its front end marks it with a class), the static form is hidden; when it is not drawn, the
output that JupyterLab says an error in is.
"""

from __future__ import annotations

import secrets

_CHILD = ".jp-OutputArea-child"  # an output with its prompt: JupyterLab, Notebook 7, Voila, exported pages

# The live view's own output holds no MIME type that JupyterLab knows by name, or, without widgets, the empty place.
_STYLE = (
    f"{_CHILD}:has(.flw-drawn-ID)~{_CHILD}:has(.flw-kept-ID),"
    f"{_CHILD}:not(:has(.flw-drawn-ID,[data-mime-type])):has(+{_CHILD} .flw-kept-ID),"
    f"{_CHILD}:has(.flw-place):has(+{_CHILD} .flw-kept-ID),"
    "body:not([data-jp-theme-light]):has(.flw-drawn-ID) .flw-kept-ID~*"
    "{display:none}"
)

EMPTY_PLACE = {"text/plain": "", "text/html": '<div class="flw-place"></div>'}
"""The output of a live view for whoever cannot draw widgets: nothing, since the static form follows."""


def new_static_id() -> str:
    """Return an id by which a live view and its static form know each other on a page."""
    return secrets.token_hex(4)


def mark_static_form(html: str, static_id: str, renewal: int = 0) -> str:
    """Return a static form with the style sheet that shows either it or the live view before it.

    Parameters
    ----------
    html
        The static form.
    static_id
        The id of the view: letters and digits only.
    renewal
        The number of the renewal that the form is of. A page finds out by it that the form in its notebook is old.
    """
    style = _STYLE.replace("ID", static_id)
    return f'<style class="flw-kept-{static_id}" data-renewal="{renewal}">{style}</style>\n{html}'
