"""The exceptions: their tree, the data they carry, and what a notebook adds to them."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable

import pytest

from flare_widgets import errors
from flare_widgets.api import commands
from flare_widgets.authoring.checks import CodeProblem
from flare_widgets.authoring.errors import AuthoringNotInstalled, CellError, RecipeError
from flare_widgets.errors import (
    AuthenticationError,
    CommandError,
    FlareError,
    InvalidSyntax,
    JobNotFound,
    NoConnection,
    OutcomeUnknown,
    ReadOnlySession,
    SubmitTokenJobDeleted,
    error_context,
)
from flare_widgets.federation.errors import FederationError, FederationNotInstalled
from flare_widgets.monitoring.diagnosis.model import Failure
from flare_widgets.monitoring.diagnosis.next_steps import recommend_next_step
from flare_widgets.views.core.hints import explain_error, explain_next_step
from flare_widgets.wire.hci import CommandReply

OWN = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, FlareError)]
ALL = [*OWN, CellError, RecipeError, AuthoringNotInstalled, FederationError, FederationNotInstalled]
DATA = {"command": "abort_job", "job_id": "j", "site": "site-1", "address": "host:8002"}


def make(kind: type[FlareError]) -> FlareError:
    error = CellError([CodeProblem(2, "no model")]) if kind is CellError else kind("it failed")
    error.add_context(**DATA, next_step="Try again")
    return error


def drawn_parents() -> dict[str, str]:
    """The parent of each exception in the picture at the top of the module."""
    parents, path = dict[str, str](), [""]
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"    ((?:[│ ] {3})*)(?:[├└]── )?((?:[A-Z]\w+, )*[A-Z]\w+)(?:  |$)", line)
        if match is None:
            continue
        depth = len(match[1]) // 4 + ("── " in line)
        path[depth:] = [match[2].split(", ")[-1]]
        for name in match[2].split(", "):
            parents.setdefault(name, path[depth - 1] if depth else "")
    return parents


def test_tree_in_module_is_tree() -> None:
    parents = drawn_parents()
    assert set(parents) == {kind.__name__ for kind in ALL}
    for kind in ALL:
        bases = {base.__name__ for base in kind.__bases__}
        assert kind is FlareError or parents[kind.__name__] in bases


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))], ids=["copy", "pickle"])
def test_error_duplicated_keeps_data(kind: type[FlareError], duplicate: Callable[[FlareError], FlareError]) -> None:
    error = make(kind)
    twin = duplicate(error)
    assert type(twin) is kind
    assert (str(twin), twin.args, vars(twin)) == (str(error), error.args, vars(error))
    assert FlareError.__str__(twin).endswith("Try again")


def test_specific_attributes_survive_pickling() -> None:
    deleted = SubmitTokenJobDeleted("deleted", "j", "job_deleted", "then")
    refused = AuthenticationError("no", "AUTH_EXPIRED")
    failed = CommandError("STUDY_NOT_FOUND", "no such study", "List them", 4)
    cell = CellError([CodeProblem(2, "no model"), CodeProblem(None, "no loop")])
    for error in (deleted, refused, failed, cell):
        assert vars(pickle.loads(pickle.dumps(error))) == vars(error)
    assert str(pickle.loads(pickle.dumps(cell))) == "line 2: no model; no loop"


@pytest.mark.parametrize(
    ("message", "text"),
    [("it failed", "it failed. Try again"), ("It failed.", "It failed. Try again"), ("why?", "why? Try again")],
)
def test_text_is_message_and_next_step(message: str, text: str) -> None:
    error = NoConnection(message, next_step="Try again")
    assert str(error) == text
    assert (error.description, error.args) == (message, (message,))
    assert str(NoConnection(message)) == message


def test_data_not_given_is_empty() -> None:
    error = FlareError()
    assert [getattr(error, name) for name in DATA] == [None] * 4
    assert (error.next_step, str(error), vars(error)) == ("", "", {})


def test_context_fills_only_what_is_missing() -> None:
    with pytest.raises(JobNotFound) as caught, error_context(**DATA):
        raise JobNotFound("no such job", job_id="mine")
    assert (caught.value.command, caught.value.job_id, caught.value.address) == ("abort_job", "mine", "host:8002")
    with pytest.raises(ValueError, match="other"), error_context(**DATA):
        raise ValueError("other")


def test_syntax_error_has_message() -> None:
    assert InvalidSyntax("no pattern").msg == "no pattern"


@pytest.mark.parametrize(
    ("command", "job_id", "site"),
    [
        (commands.abort_job("j"), "j", None),
        (commands.show_errors("j", "all"), "j", None),
        (commands.get_job_log("j", "site-1"), "j", "site-1"),
        (commands.get_job_log("j", "all"), "j", None),
        (commands.disable_client("site-1"), None, "site-1"),
        (commands.read_file("cat", "site-1", None, "a.txt"), None, "site-1"),
        (commands.list_jobs(), None, None),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_refused_command_is_named(command: commands.Command[object], job_id: str | None, site: str | None) -> None:
    reply = CommandReply(({"type": "error", "data": "no"},), {"status": "invalid_job_id", "info": "no"})
    with pytest.raises(JobNotFound) as caught:
        command.parse_reply(reply)
    error = caught.value
    assert (error.command, error.job_id, error.site) == (command.line.split(" ")[0], job_id, site)


def test_submit_token_is_not_in_data() -> None:
    command = commands.submit_job("hello", "secret-token")
    reply = CommandReply(({"type": "error", "data": "no"},), {"status": "invalid_job_def", "info": "no"})
    with pytest.raises(FlareError) as caught:
        command.parse_reply(reply)
    assert caught.value.command == "submit_job"
    assert "secret-token" not in repr(vars(caught.value))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ReadOnlySession("only reads", next_step="Permit it"),
            "only reads. Permit it (%config FlareWidgets.read_only = False)",
        ),
        (errors.SessionClosed("closed", next_step="Open one"), "closed. Open one (%flare connect KIT)"),
        (OutcomeUnknown("lost", command="clone_job", next_step="Look."), "lost. Look (%flare jobs)."),
        (OutcomeUnknown("lost", command="restart", next_step="Look"), "lost. Look"),
        (JobNotFound("no such job"), "no such job"),
        (ValueError("no"), "no"),
    ],
    ids=repr,
)
def test_notebook_names_magic(error: Exception, text: str) -> None:
    assert explain_error(error) == text


def test_notebook_names_magics_of_failure() -> None:
    failure = Failure("lost", "site-lost", next_step="Abort it, and submit it once more.")
    assert explain_next_step(failure) == failure.next_step
    failure = Failure(
        "lost", "site-lost", next_step=failure.next_step, next_methods=("abort_job", "clone_job", "unknown")
    )
    assert explain_next_step(failure) == "Abort it, and submit it once more (%flare abort, %flare clone)."
    assert Failure.from_json(failure.to_json()) == failure
    # Where a view has a button, it names no call.
    unknown = recommend_next_step(Failure("unknown", "unknown"))
    assert "session.download_job_result" in unknown.next_step
    assert explain_next_step(unknown).endswith("workspace/log.txt of the result.")
