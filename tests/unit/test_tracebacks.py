"""The part of an error that a person sees in Python: their own line, our public method, and the sentence."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from typing import Any

import kits
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from servers import FlareServer
from shells import ipython, said

import flare_widgets
from flare_widgets.api import Session
from flare_widgets.api.tracebacks import trim_traceback, trims_traceback
from flare_widgets.errors import FlareError, JobNotFound


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    """A shell with a session and a job of it."""
    server = FlareServer()
    with server.running() as port, ipython() as shell:
        kit = kits.write_kit(tmp_path_factory.mktemp("kit") / "kit", host="127.0.0.1", port=port)
        with flare_widgets.connect(kit) as session:
            shell.run_line_magic("colors", "nocolor")
            shell.user_ns |= {"flare_widgets": flare_widgets, "session": session, "job": session.job("0" * 36)}
            yield shell


def frames(shown: str) -> list[str]:
    """Return the frames of a traceback as IPython shows it, without the values of arguments."""
    return [line.partition("(")[0].rpartition(" ")[2] for line in shown.splitlines() if line.startswith("File ")]


@pytest.mark.parametrize(
    ("line", "method"),
    [
        ("session.submit_job('nowhere')", "SubmitMethods.submit_job"),
        ("session.list_jobs(limit='x')", "JobMethods.list_jobs"),
        ("session.get_job_meta('x')", "JobMethods.get_job_meta"),
        ("await session.aio.submit_job('nowhere')", "SubmitMethods.submit_job"),
        ("await session.aio.get_job_meta('x')", "JobMethods.get_job_meta"),
        ("job.status", "JobHandle.status"),
        ("job.watch(timeout=-1)", "Job.watch"),
        ("flare_widgets.connect('nowhere')", "connect"),
        ("await flare_widgets.connect_async('nowhere')", "ConnectContext._open"),
    ],
)
def test_traceback_ends_at_public_method(shell: InteractiveShell, line: str, method: str) -> None:
    shown = said(shell, line)
    assert f"----> 1 {line}" in shown
    assert frames(shown)[-1:] == [method]
    assert "dual.py" not in shown
    assert "loop.py" not in shown


def test_bug_keeps_its_traceback(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("flare_widgets.api.commands.get_job_meta", fail)
    assert frames(said(shell, "session.get_job_meta('x')"))[-1].endswith("fail")


def test_trimmed_error_is_logged_whole(caplog: pytest.LogCaptureFixture) -> None:
    def inner() -> None:
        try:
            raise KeyError("k")
        except KeyError as e:
            raise JobNotFound("none") from e

    @trims_traceback
    def outer() -> None:
        inner()

    with caplog.at_level(logging.DEBUG, "flare_widgets.api"), pytest.raises(JobNotFound) as caught:
        outer()
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-2:] == ["call", "outer"]
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.__cause__.__traceback__ is None
    assert "in inner" in caplog.text


def test_circle_of_causes_ends() -> None:
    first, second = FlareError("a"), FlareError("b")
    first.__cause__, second.__cause__ = second, first
    assert trim_traceback(first, Session.close) is first


def test_methods_complete_as_functions(shell: InteractiveShell) -> None:
    completer = shell.Completer
    assert completer is not None
    completer.jedi_compute_type_timeout = 60_000
    with provisionalcompleter():
        found = {c.text: (c.type, c.signature) for c in completer.completions("session.abort_j", 15)}
        assert found == {"abort_job": ("function", "(job_id: 'str')")}
        assert [c.type for c in completer.completions("job.downlo", 10)] == ["function"]
