"""HTML from a template that escapes all values."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2


def render(template: str, **values: Any) -> str:
    """Fill the text of a Jinja template; each value is escaped."""
    return _compile(template).render(values)


@functools.cache
def _compile(template: str) -> jinja2.Template:
    import jinja2  # not before something is shown: most scripts show nothing

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template)
