"""Admin commands: the line that goes to the server is the one that nvflare's client sends, and answers are read."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from fakes import FakeAdminApi
from hypothesis import given
from hypothesis import strategies as st
from nvflare.apis.utils.format_check import name_check
from nvflare.fuel.flare_api import flare_api as theirs

from flare_widgets.api import commands
from flare_widgets.api.models import ClientInfo, JobInfo, ServerInfo, SystemInfo
from flare_widgets.errors import InternalError, InvalidArgumentError, InvalidJobDefinition, JobNotFound, JobNotRunning
from flare_widgets.wire.hci import CommandReply
from flare_widgets.wire.transfers import RemoteFile


def their_line(method: str, *args: Any, **kwargs: Any) -> str:
    """The line that nvflare's client sends."""
    session = object.__new__(theirs.Session)
    session.api = FakeAdminApi(
        {"data": [{"type": "success"}], "meta": {"status": "ok", "job_id": "j", "job_meta": {"x": 1}, "info": ""}}
    )
    getattr(session, method)(*args, **kwargs)
    ((line, _),) = session.api.sent
    return str(line)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"detailed": True},
        {"reverse": True},
        {"limit": 3},
        {"limit": 0},
        {"id_prefix": "12ab"},
        {"name_prefix": "hello"},
        {"id_prefix": "", "name_prefix": ""},
        {"submit_token": "t-1:a.b_c"},
        {
            "detailed": True,
            "limit": 5,
            "id_prefix": "1",
            "name_prefix": "a b",
            "reverse": True,
            "submit_token": "t",
        },
    ],
)
def test_list_jobs_line_matches_nvflare(arguments: dict[str, Any]) -> None:
    assert commands.list_jobs(**arguments).line == their_line("list_jobs", **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"detailed": "yes"},
        {"detailed": 1},
        {"reverse": "no"},
        {"limit": "3"},
        {"limit": 1.5},
        {"id_prefix": 5},
        {"name_prefix": b"x"},
        {"submit_token": ""},
        {"submit_token": "a b"},
        {"submit_token": "x" * 129},
        {"submit_token": 5},
        {"submit_token": "t\n"},
    ],
)
def test_invalid_list_arguments_refused_like_nvflare(arguments: dict[str, Any]) -> None:
    with pytest.raises((ValueError, InvalidArgumentError)) as ours:
        commands.list_jobs(**arguments)
    with pytest.raises((ValueError, theirs.InvalidArgumentError)) as other:
        their_line("list_jobs", **arguments)
    assert type(other.value).__name__ in {kind.__name__ for kind in type(ours.value).__mro__}


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_num": 2},
        {"job_id_prefix": "1", "job_name_prefix": "h"},
        {"id": "1", "name": "h"},
        {"id": "1", "job_id_prefix": "2"},
        {"limit": 1, "max_num": 2},
        {"limit": 0, "max_num": 2},
        {"id_prefix": "a", "id": "b", "name_prefix": "c", "name": "d"},
        {"max_num": None, "id": ""},
    ],
)
def test_old_argument_names_match_nvflare(arguments: dict[str, Any]) -> None:
    new = {name: arguments.pop(name, None) for name in ("limit", "id_prefix", "name_prefix")}
    renamed = commands.resolve_aliases(new["limit"], new["id_prefix"], new["name_prefix"], arguments)
    line = commands.list_jobs(**renamed).line
    assert line == their_line("list_jobs", **new, **arguments)


def test_name_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected arguments: newest, oldest"):
        commands.resolve_aliases(None, None, None, {"oldest": 1, "newest": 2, "id": "x"})
    with pytest.raises(TypeError):
        their_line("list_jobs", oldest=1)


ABOUT_A_JOB: dict[str, Callable[[str], commands.Command[Any]]] = {
    "get_job_meta": commands.get_job_meta,
    "clone_job": commands.clone_job,
    "abort_job": commands.abort_job,
    "delete_job": commands.delete_job,
    "download_job_result": commands.download_job,
}


@pytest.mark.parametrize("method", ABOUT_A_JOB)
def test_job_command_lines_match_nvflare(method: str) -> None:
    job_id = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
    assert ABOUT_A_JOB[method](job_id).line == their_line(method, job_id)


def test_system_info_line_matches_nvflare() -> None:
    assert commands.get_system_info().line == their_line("get_system_info")


@pytest.mark.parametrize("method", ABOUT_A_JOB)
@pytest.mark.parametrize("job_id", [None, 5, "", b"x"])
def test_invalid_job_id_is_not_found(method: str, job_id: Any) -> None:
    with pytest.raises(JobNotFound):
        ABOUT_A_JOB[method](job_id)
    with pytest.raises(theirs.JobNotFound):
        their_line(method, job_id)


@pytest.mark.parametrize("method", ABOUT_A_JOB)
@pytest.mark.parametrize("job_id", ["a\nb", "a\rlist_jobs", "\0"])
def test_job_id_cannot_end_command(method: str, job_id: str) -> None:
    with pytest.raises(JobNotFound, match="no such job"):
        ABOUT_A_JOB[method](job_id)


@pytest.mark.parametrize("job_id", ["a b", "-h", 'x"', "it's", "#"])
def test_strange_job_id_is_one_word(job_id: str) -> None:
    from nvflare.fuel.hci.cmd_arg_utils import parse_command_line

    assert parse_command_line(commands.get_job_meta(job_id).line)[1] == ["get_job_meta", job_id]


def test_only_aborting_is_tried_again() -> None:
    assert commands.abort_job("j").max_attempts == 3
    assert [commands.clone_job("j").max_attempts, commands.delete_job("j").max_attempts] == [1, 1]


def test_submit_line_uses_folder_name() -> None:
    assert commands.submit_job("hello-numpy").line == "submit_job hello-numpy"
    assert commands.submit_job("j", "t-1").line == "submit_job j --submit-token t-1"


@given(st.text(st.characters(codec="utf-8"), max_size=12) | st.from_regex(r"[A-Za-z0-9._-]{1,8}", fullmatch=True))
def test_folder_name_check_matches_nvflare(name: str) -> None:
    refused, _ = name_check(name, "job_name")
    try:
        commands.submit_job(name)
    except InvalidJobDefinition as error:
        assert "Rename the folder" in str(error)  # noqa: PT017 - either outcome may be right
        assert refused
    else:
        assert not refused


@given(st.text(max_size=12) | st.from_regex(r"[a-z0-9_-]{1,66}", fullmatch=True))
def test_study_name_check_matches_nvflare(name: str) -> None:
    assert bool(commands.STUDY_NAME_PATTERN.fullmatch(name)) == (not name_check(name, "study")[0])


def answered(meta: dict[str, Any]) -> CommandReply:
    return CommandReply(({"type": "success", "data": ""},), {"status": "ok", **meta})


def test_system_that_is_answered() -> None:
    meta = {
        "server_status": "started",
        "server_start_time": 12.5,
        "clients": [{"client_name": "site-1", "client_last_conn_time": 13.5, "fqcn": "site-1"}, "junk"],
        "jobs": [{"job_id": "j", "app_name": "app"}],
    }
    assert commands.get_system_info().parse_reply(answered(meta)) == SystemInfo(
        ServerInfo("started", 12.5), [ClientInfo("site-1", 13.5)], [JobInfo("j", "app")]
    )


@pytest.mark.parametrize(
    ("rows", "registered"),
    [
        ([["CLIENT", "FQCN", "TOKEN"], ["site-1", "f", "t1"], ["site-2"], "junk"], {"site-1": "t1"}),
        ([["JOB_ID", "APP NAME"], ["j", "a"]], {}),
        ([], {}),
        ("junk", {}),
        (["CLIENT", "TOKEN"], {}),
    ],
)
def test_registrations_in_table_of_server(rows: Any, registered: dict[str, str]) -> None:
    said = CommandReply(({"type": "string", "data": "x"}, {"type": "table", "rows": rows}), {"status": "ok"})
    assert commands.get_registrations().parse_reply(said) == registered


@pytest.mark.parametrize(
    ("rows", "sessions"),
    [
        ([["User", "Idle"], ["ada", "0.5"], ["ada"], "x"], [{"USER": "ada", "IDLE": "0.5"}]),
        ([["User", "Idle"]], []),
        ([], []),
        ([None, ["ada", "0.5"]], []),
        ("User", []),
    ],
)
def test_sessions_in_table_of_server(rows: Any, sessions: list[dict[str, Any]]) -> None:
    said = CommandReply(({"type": "string", "data": "x"}, {"type": "table", "rows": rows}), {"status": "ok"})
    assert commands.list_sessions().parse_reply(said) == sessions
    assert commands.list_sessions().parse_reply(answered({"status": "ok"})) == []


def test_jobs_that_are_answered() -> None:
    assert commands.list_jobs().parse_reply(answered({"jobs": [{"job_id": "a"}, 5, {"job_id": "b"}]})) == [
        {"job_id": "a"},
        {"job_id": "b"},
    ]


@pytest.mark.parametrize(
    ("command", "meta", "result"),
    [
        (commands.get_job_meta("j"), {"job_meta": {"status": "RUNNING"}}, {"status": "RUNNING"}),
        (commands.clone_job("j"), {"job_id": "new"}, "new"),
        (commands.submit_job("j"), {"job_id": "new"}, "new"),
        (commands.abort_job("j"), {"info": "aborted"}, "aborted"),
        (commands.abort_job("j"), {}, ""),
        (commands.delete_job("j"), {}, {"job_id": "j", "submit_records_marked_deleted": 0}),
        (
            commands.delete_job("j"),
            {"job_id": "k", "submit_records_marked_deleted": 2},
            {"job_id": "k", "submit_records_marked_deleted": 2},
        ),
        (commands.download_job("j"), {"files": [["a", "r"]]}, [RemoteFile("a", "r")]),
        (commands.list_jobs(), {}, []),
        (commands.get_system_info(), {}, SystemInfo(ServerInfo(None, None), [], [])),
    ],
)
def test_what_is_answered_is_read(command: Any, meta: dict[str, Any], result: Any) -> None:
    assert command.parse_reply(answered(meta)) == result


@pytest.mark.parametrize(
    ("command", "meta"),
    [
        (commands.get_job_meta("j"), {}),
        (commands.get_job_meta("j"), {"job_meta": {}}),
        (commands.get_job_meta("j"), {"job_meta": "x"}),
        (commands.clone_job("j"), {}),
        (commands.submit_job("j"), {"job_id": ""}),
        (commands.submit_job("j"), {"job_id": 5, "info": "no room"}),
    ],
)
def test_answer_without_result_is_internal_error(command: Any, meta: dict[str, Any]) -> None:
    with pytest.raises(InternalError, match=r"did not|no room"):
        command.parse_reply(answered(meta))


def test_what_went_wrong_is_raised() -> None:
    with pytest.raises(JobNotRunning, match="job j is not running"):
        commands.abort_job("j").parse_reply(answered({"status": "job_not_running", "info": "j"}))


def test_each_command_is_described() -> None:
    builders = [f for _, f in inspect.getmembers(commands, inspect.isfunction)]
    assert builders
    assert all(f.__doc__ for f in builders)
