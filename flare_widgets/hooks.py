"""Functions of a higher room behind a method of a lower one, where users look for them.

``StartupKit.check`` needs ``api``, and ``Job.watch`` needs ``monitoring``. Both rooms are built on these classes, which
therefore cannot import them. The package's ``__init__`` is above all rooms and runs before any of them: it sets the
functions here, as ones that import their room when they are called. ``NotebookEnv`` uses the sessions of ``%flare``,
which sets its function when it is loaded.
"""

from collections.abc import Callable
from typing import Any

check_kit: Callable[..., Any]
"""The function :func:`flare_widgets.api.check_kit`."""

watch_job: Callable[..., Any]
"""The function :func:`flare_widgets.monitoring.console.watch_job`."""

read_snapshot: Callable[..., Any]
"""The function :func:`flare_widgets.monitoring.console.read_snapshot`."""

open_result: Callable[..., Any]
"""The function :func:`flare_widgets.results.opening.open_result`."""

write_report: Callable[..., Any]
"""The function :func:`flare_widgets.views.report.write_report`."""

note_submission: Callable[[], None]
"""The function :func:`flare_widgets.manager.shared_session.note_submission`."""

get_notebook_host: Callable[[], Any] | None = None
"""Returns the :class:`.NotebookHost` of ``%flare``; None while it is not loaded."""
