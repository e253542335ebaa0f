"""Each method of a session beside nvflare's: the same line is sent, the same answer read, the same argument refused."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeAdminApi
from nvflare.fuel.flare_api import flare_api
from nvflare.fuel.hci.client.api_status import APIStatus as TheirStatus

from flare_widgets.api import (
    APIStatus,
    CommandError,
    InternalError,
    JobNotDone,
    NoConnection,
    Session,
    SessionClosed,
    commands,
)
from flare_widgets.api.command_sender import CommandSender
from flare_widgets.api.commands import Command
from flare_widgets.api.session_methods.jobs import request_offer
from flare_widgets.kit import StartupKit
from flare_widgets.wire import hci

JOB = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
OK = {"status": "ok", "info": ""}


def reply(*items: dict[str, Any], **meta: Any) -> dict[str, Any]:
    """A server's answer."""
    return {"time": "2026-11-24 00:04:42", "data": [*items, {"type": "success", "data": ""}], "meta": {**OK, **meta}}


class OurSession(Session):
    """A session whose server has answered."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.sent: list[tuple[str, Any]] = []
        self._answer = answer

    async def _request(self, command: Command[Any]) -> hci.CommandReply:
        self.sent.append((command.line, command.props))
        return hci.decode(json.dumps(self._answer))

    async def _run_command(self, command: Command[Any]) -> Any:
        return command.parse_reply(await self._request(command))


def outcome(session: Any, method: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
    try:
        return "value", getattr(session, method)(*arguments)
    except Exception as error:
        return "error", type(error).__name__


def is_caught_as(session: Any, method: str, arguments: tuple[Any, ...], name: str) -> bool:
    """Return True if an ``except`` clause written for nvflare's exception catches ours."""
    try:
        getattr(session, method)(*arguments)
    except Exception as error:
        return name in {kind.__name__ for kind in type(error).__mro__}
    return False


def both(answer: dict[str, Any], method: str, *arguments: Any) -> tuple[OurSession, tuple[str, Any]]:
    """Call a method of both sessions: they must have sent and made of the answer the same."""
    api = FakeAdminApi(answer)
    theirs = object.__new__(flare_api.Session)
    theirs.api = api
    ours = OurSession(answer)
    mine, other = outcome(ours, method, arguments), outcome(theirs, method, arguments)
    assert ours.sent == api.sent
    if other[0] == "error":
        assert is_caught_as(OurSession(answer), method, arguments, other[1])
    else:
        assert mine == other
    return ours, mine


CALLS: list[tuple[Any, ...]] = [
    ("list_job_components", JOB),
    ("check_status", "server"),
    ("check_status", "client"),
    ("check_status", "client", ["site-1", "site-2"]),
    ("check_status", "all", ["ignored"]),
    ("get_client_job_status",),
    ("get_client_job_status", ["site-1", "site-2"]),
    ("get_client_job_status", []),
    ("get_client_env",),
    ("get_client_env", "site-1"),
    ("get_client_env", "site-1 site-2"),
    ("get_client_env", ["site-1", "site-2"]),
    ("report_resources", "all"),
    ("report_resources", "client", ["site-1", "site-2"]),
    ("report_version", "server"),
    ("report_version", "client", ["site-1"]),
    ("remove_client", "site-1"),
    ("disable_client", "site-1"),
    ("enable_client", "site-1"),
    ("enable_client", "a b"),
    ("restart", "client", ["site-1", "site-2"], False),
    ("restart", "server", ["ignored"], False),
    ("shutdown", "client", None, False),
    ("shutdown", "client", ["site-1"], False, "no number"),
    ("ls_target", "server"),
    ("ls_target", "site-1", "-al", "startup"),
    ("ls_target", "site-1", None, "./a-b_c/d.bin"),
    ("cat_target", "site_1.x", "", "log.txt"),
    ("cat_target", "server", "-n", f"{JOB}/log.json.1"),
    ("tail_target", "server", "-n 5", "log.txt"),
    ("tail_target_log", "server", "-n5"),
    ("head_target", "server", None, "a.py"),
    ("head_target_log", "server"),
    ("grep_target", "server", "-n", "created by", "log.txt"),
    ("grep_target", "server", None, 'a "word" \\w', "log.txt"),
    ("get_working_directory", "server"),
    ("get_job_logs", JOB),
    ("get_job_logs", JOB, "site-1"),
    ("get_job_logs", JOB, "all", None, None, "log.json"),
    ("configure_job_log", JOB, "DEBUG"),
    ("configure_job_log", JOB, 20, "server"),
    ("configure_job_log", JOB, {"version": 1, "loggers": {"a b": {}}}, "site-1"),
    ("configure_site_log", " debug "),
    ("configure_site_log", "msg_only", "server"),
    ("configure_site_log", "0"),
    ("show_stats", JOB, "all"),
    ("show_stats", JOB, "client", ["site-1", "site-2"]),
    ("show_errors", JOB, "server", ["ignored"]),
    ("reset_errors", JOB),
    ("do_app_command", JOB, "topic", {"since": 5}),
    ("do_app_command", JOB, "topic", ["a"]),
    ("do_app_command", JOB, "topic", None),
    ("do_app_command", JOB, "topic", {}),
    ("register_study", "cancer", ["site-1", "site-2"]),
    ("register_study", "cancer", None, ["org:site-1,site-2", "other:site-3"]),
    ("add_study_site", "cancer", ["site-1"]),
    ("add_study_site", "cancer", [], ["org:site-1"]),
    ("remove_study_site", "cancer", ["site-1"]),
    ("remove_study_site", "cancer", None, ["org:site-1"]),
    ("remove_study", "cancer"),
    ("list_studies",),
    ("show_study", "a study"),
    ("add_study_user", "cancer", "x@y.z"),
    ("remove_study_user", "cancer", "x@y.z"),
]


def sent_props(session: OurSession) -> list[Any]:
    return [props for _, props in session.sent]


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_sent_commands_match_nvflare(call: tuple[Any, ...]) -> None:
    api = FakeAdminApi(reply(clients=[{"site_name": "site-1"}]))
    theirs = object.__new__(flare_api.Session)
    theirs.api = api
    ours = OurSession(reply(clients=[{"site_name": "site-1"}]))
    assert outcome(ours, call[0], call[1:])[0] == outcome(theirs, call[0], call[1:])[0] == "value"
    assert [line for line, _ in ours.sent] == [line for line, _ in api.sent]
    assert len(ours.sent) == 1
    # nvflare leaves out what is false; so does ours
    assert [props or None for _, props in api.sent] == sent_props(ours)


TABLE = {"type": "table", "rows": [["Sites", "Resources"], ["server", "unlimited"], ["site-1", "{}"], ["short"], "no"]}
DICT = {"type": "dict", "data": {"server": {"version": "2.9.0"}, "site-1": "No Error"}}
TEXT = [{"type": "string", "data": "one\n"}, {"type": "error", "data": "?"}, {"type": "string", "data": "two\n"}]
STUDY_ERROR = {"error_code": "STUDY_NOT_FOUND", "message": "no", "hint": "look", "exit_code": 4}
LOGS = {"logs": {"server": "a 1\nb 2\nc 1\n", "site-1": None}, "unavailable": {"site-2": "why"}, "more": 1}

READS: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    (reply(job_components=["ERRORLOG_site-1"]), ("list_job_components", JOB)),
    (reply(), ("list_job_components", JOB)),
    (reply(server_status="stopped", clients=[]), ("check_status", "all")),
    (reply(client_status=[{"client_name": "site-1", "status": "no_jobs"}]), ("get_client_job_status",)),
    (reply(), ("get_client_job_status",)),
    (reply(clients=[{"site_name": "site-1"}]), ("get_client_env",)),
    (reply(clients=[{"client_name": "s", "client_last_conn_time": 5.0}]), ("check_status", "server")),
    (reply(TABLE), ("report_resources", "all")),
    (reply(), ("report_resources", "all")),
    (reply(DICT), ("report_version", "all")),
    (reply(), ("report_version", "all")),
    (reply(), ("remove_client", "site-1")),
    (reply(DICT), ("disable_client", "site-1")),
    (reply(DICT), ("enable_client", "site-1")),
    (reply(server_status="ok"), ("restart", "client", None, False)),
    (reply(*TEXT), ("ls_target", "server")),
    (reply(), ("cat_target", "server", None, "a.txt")),
    ({"time": "", "data": [{"type": "string", "data": "/x\n"}], "meta": {}}, ("get_working_directory", "server")),
    ({"time": "", "data": [{"type": "error", "data": "bad"}], "meta": {}}, ("ls_target", "server")),
    ({"time": "", "data": [{"type": "error", "data": "bad"}], "meta": {}}, ("list_job_components", JOB)),
    (reply({"type": "dict", "data": LOGS}), ("get_job_logs", JOB)),
    (reply({"type": "dict", "data": LOGS}), ("get_job_logs", JOB, "all", 2)),
    (reply({"type": "dict", "data": LOGS}), ("get_job_logs", JOB, "all", 0)),
    (reply({"type": "dict", "data": LOGS}), ("get_job_logs", JOB, "all", "1")),
    (reply({"type": "dict", "data": LOGS}), ("get_job_logs", JOB, "all", 9, " 1")),
    (reply({"type": "dict", "data": LOGS}), ("get_job_logs", JOB, "all", None, "1")),
    (reply({"type": "dict", "data": {"server": "old"}}), ("get_job_logs", JOB)),
    (reply(), ("get_job_logs", JOB)),
    (
        reply(status="syntax_error", info="unrecognized arguments: x"),
        ("get_job_logs", JOB, "s", None, None, "log.json"),
    ),
    (reply(status="syntax_error", info="unrecognized arguments: x"), ("get_job_logs", JOB)),
    (reply(status="syntax_error", info="other"), ("get_job_logs", JOB, "s", None, None, "log.json")),
    (reply(), ("configure_job_log", JOB, "INFO")),
    (reply(), ("configure_site_log", "INFO")),
    (reply(DICT), ("show_stats", JOB, "all")),
    (reply(DICT), ("show_errors", JOB, "all")),
    (reply(DICT), ("reset_errors", JOB)),
    (reply(status="job_not_running", info=JOB), ("show_stats", JOB, "all")),
    (reply(DICT), ("do_app_command", JOB, "t", 1)),
    (reply(DICT), ("list_studies",)),
    (reply({"type": "dict", "data": STUDY_ERROR}), ("show_study", "x")),
    (reply(status="no_job_components", info="none"), ("download_job_components", JOB)),
    (reply(status="clients_running"), ("shutdown", "server", None, False)),
    (reply(status="job_running", info=JOB), ("restart", "all", None, False)),
    (reply(status="not_authorized", info="no"), ("list_studies",)),
]


@pytest.mark.parametrize(("answer", "call"), READS, ids=str)
def test_parsed_answers_match_nvflare(answer: dict[str, Any], call: tuple[Any, ...]) -> None:
    if call[0] == "download_job_components":
        from flare_widgets.api import commands

        with pytest.raises(InternalError):
            commands.download_job_components(JOB).parse_reply(hci.decode(json.dumps(answer)))
        return
    both(answer, *call)


REFUSED: list[tuple[Any, ...]] = [
    ("list_job_components", ""),
    ("list_job_components", None),
    *[(m, *a) for m in ("check_status", "report_resources", "report_version") for a in [("x",), ("client", "site-1")]],
    ("check_status", "client", ["a b"]),
    ("check_status", "client", [5]),
    ("check_status", "client", [""]),
    ("get_client_job_status", ["a;b"]),
    ("get_client_job_status", "site-1"),
    ("get_client_env", 5),
    ("get_client_env", ("site-1",)),
    ("get_client_env", [5]),
    *[(m, name) for m in ("remove_client", "disable_client", "enable_client") for name in ("", None, 5)],
    *[(m, "x") for m in ("restart", "shutdown")],
    *[(m, "client", "site-1") for m in ("restart", "shutdown")],
    *[(m, "server", None, True, t) for m in ("restart", "shutdown") for t in (0, -1, "x", None)],
    *[("ls_target", t) for t in ("", None, 5, "a b", "a/b", "-;")],
    *[("ls_target", "server", o) for o in (5, "-n;", "a.b", "+5")],
    *[("ls_target", "server", None, p) for p in (5, "/etc", "../x", "a/../b", "a b", "$HOME", "a*")],
    *[("cat_target", "server", None, f) for f in (None, "", "log", "a.jsonl", "a.npy", "/a.txt", "../a.txt", "a.1")],
    ("tail_target", "server"),
    ("head_target", "server", None, "a.bin"),
    ("grep_target", "server"),
    ("grep_target", "server", None, "", "a.txt"),
    ("grep_target", "server", None, 5, "a.txt"),
    ("grep_target", "server", None, "x"),
    ("grep_target", "server", "+", "x", "a.txt"),
    ("get_working_directory", ""),
    ("get_job_logs", ""),
    ("get_job_logs", JOB, ""),
    ("get_job_logs", JOB, 5),
    ("configure_job_log", None, "INFO"),
    ("configure_job_log", JOB, "INFO", 5),
    *[("configure_site_log", c) for c in (5, None, "", " ", "loud", "51", "-1", {"version": 1}, "²")],
    *[(m, *a) for m in ("show_stats", "show_errors") for a in [(5, "all"), ("", "all"), (JOB, "x"), (JOB, None)]],
    ("show_stats", JOB, "client", "site-1"),
    ("reset_errors", ""),
    ("reset_errors", None),
    ("do_app_command", JOB, "t", {"x": object}),
    *[(m, *a) for m in ("register_study", "add_study_site", "remove_study_site") for a in [
        (5, ["s"]), ("", ["s"]), ("x",), ("x", []), ("x", "s"), ("x", [""]), ("x", [5]), ("x", ["s"], ["o:s"]),
        ("x", None, "o:s"), ("x", None, [""]), ("x", None, [5]),
    ]],
    ("remove_study", ""),
    ("show_study", None),
    *[(m, *a) for m in ("add_study_user", "remove_study_user") for a in [("", "u"), ("x", ""), ("x", 5)]],
]  # fmt: skip


@pytest.mark.parametrize("call", REFUSED, ids=str)
def test_nvflare_refusals_match_before_sending(call: tuple[Any, ...]) -> None:
    ours, (kind, _) = both(reply(), *call)
    assert kind == "error"
    assert ours.sent == []


@pytest.mark.parametrize("lines", ["x", -1, [1]])
def test_invalid_tail_lines_refused_before_sending(lines: Any) -> None:
    both_answer = reply({"type": "dict", "data": LOGS})
    ours = OurSession(both_answer)
    with pytest.raises(ValueError, match="tail_lines"):
        ours.get_job_logs(JOB, tail_lines=lines)
    assert ours.sent == []
    theirs = object.__new__(flare_api.Session)
    theirs.api = FakeAdminApi(both_answer)
    with pytest.raises(ValueError):
        theirs.get_job_logs(JOB, tail_lines=lines)


def test_single_site_log_configuration_is_sent() -> None:
    ours = OurSession(reply())
    ours.configure_site_log("INFO", "site-1")
    assert ours.sent == [("configure_site_log client site-1 INFO", None)]


def test_study_error_says_all_server_says() -> None:
    with pytest.raises(CommandError, match="no") as caught:
        OurSession(reply({"type": "dict", "data": STUDY_ERROR})).list_studies()
    error = caught.value
    assert (error.error_code, error.message, error.hint, error.exit_code) == ("STUDY_NOT_FOUND", "no", "look", 4)


@pytest.mark.parametrize("call", [c for c in CALLS if c[0] not in ("get_client_env",)], ids=str)
@pytest.mark.parametrize("data", [5, None, "x", [1], [[1]]])
def test_hostile_answers_parse_or_internal_error(call: tuple[Any, ...], data: Any) -> None:
    items = [{"type": kind, "data": data, "rows": data} for kind in ("string", "dict", "table")]
    meta = dict.fromkeys(("job_components", "client_status", "clients", "jobs"), data)
    kind, value = outcome(OurSession(reply(*items, **meta)), call[0], call[1:])
    assert kind == "value" or value == "InternalError"


@pytest.mark.parametrize(
    ("items", "status"),
    [
        ([{"type": "string", "data": "fine"}], "SUCCESS"),
        ([{"type": "error", "data": "invalid job_id j"}], "SUCCESS"),
        ([{"type": "error", "data": "session_inactive"}], "ERROR_INACTIVE_SESSION"),
        ([{"type": "error", "data": "invalid client: x"}], "ERROR_INVALID_CLIENT"),
        ([], "ERROR_RUNTIME"),
    ],
)
def test_line_is_answered_in_nvflares_shape(items: list[Any], status: str) -> None:
    answer = {"time": "t", "data": items, "meta": {"status": "error"}}
    ours, (_, mine) = both(answer, "do_command", "sys_info server", {"a": 1})
    assert mine == {**answer, "status": status}
    assert mine["status"] is APIStatus[status]
    assert ours.sent == [("sys_info server", {"a": 1})]


def test_statuses_of_lines_are_nvflares() -> None:
    assert [(s.name, s.value) for s in APIStatus] == [(s.name, s.value) for s in TheirStatus]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NoConnection("away"), APIStatus.ERROR_SERVER_CONNECTION),
        (SessionClosed("over"), APIStatus.ERROR_INACTIVE_SESSION),
        (InternalError("strange"), APIStatus.ERROR_RUNTIME),
    ],
)
def test_undelivered_command_returns_error_status(error: Exception, status: APIStatus) -> None:
    class Broken(OurSession):
        async def _request(self, command: Command[Any]) -> hci.CommandReply:
            raise error

    assert Broken({}).do_command("list_jobs") == {"status": status, "details": str(error)}


def test_invalid_command_lines_are_syntax_errors() -> None:
    unknown = {"time": "", "data": [{"type": "error", "data": 'Unknown command "x"'}], "meta": {"status": "error"}}
    session = OurSession(unknown)
    for line in ("", "  ", "x y", "submit_job", "download_job", "download_job j ../x", "download_job j .x"):
        result = session.do_command(line)
        assert result["status"] is APIStatus.ERROR_SYNTAX
        assert result["details"]
    assert len(session.sent) == 1


def test_console_can_be_asked_for_folders(tmp_path: Path) -> None:
    import kits

    session = OurSession({})
    session._sender = CommandSender(StartupKit.load(kits.write_kit(tmp_path / "kit")), "default")
    assert session.do_command("info")["status"] == "ok"
    assert str(session.kit.upload_dir) in session.do_command("info")["details"]
    session.kit.upload_dir.mkdir(parents=True, exist_ok=True)
    for name in ("b", "a"):
        (session.kit.upload_dir / name).mkdir()
    (session.kit.upload_dir / "file").touch()
    assert session.get_available_apps_to_upload() == ["a", "b"]
    result = session.do_command("submit_job nothing")
    assert result["status"] is APIStatus.ERROR_RUNTIME
    assert "nothing" in result["details"]


THEIR_METHODS = [n for n, _ in inspect.getmembers(flare_api.Session, inspect.isfunction) if not n.startswith("_")]


@pytest.mark.parametrize("method", THEIR_METHODS)
def test_method_has_nvflares_parameters(method: str) -> None:
    def described(function: Any) -> list[tuple[str, Any, Any]]:
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]

    theirs, ours = described(getattr(flare_api.Session, method)), described(getattr(Session, method))
    assert [p for p in ours if p in theirs] == theirs
    assert all(p[1] is inspect.Parameter.KEYWORD_ONLY for p in ours if p not in theirs)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("SUBMITTED", f"job {JOB} has not started yet: it waits for its turn. Wait until it ends, or abort it"),
        (
            "DISPATCHED",
            f"job {JOB} has not started yet: it is being sent to the sites. Wait until it ends, or abort it",
        ),
        ("RUNNING", f"job {JOB} is still running. Wait until it ends, or abort it"),
    ],
)
def test_result_of_job_that_has_not_started_is_refused_in_these_words(status: str, words: str) -> None:
    class Sender:
        def request(self, command: Command[Any]) -> tuple[None, hci.CommandReply]:
            running = reply(status="job_running", info=JOB)
            answer = running if command.name == "download_job" else reply(job_meta={"job_id": JOB, "status": status})
            return None, hci.decode(json.dumps(answer))

    sender: Any = Sender()
    with pytest.raises(JobNotDone) as caught:
        request_offer(sender, commands.download_job(JOB))
    assert str(caught.value) == words
