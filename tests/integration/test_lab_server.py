"""The extension in a real Jupyter server: who may what, and a real federation behind it, without a kernel."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from common import ADMIN
from jobs import write_job
from jupyter_server_process import JupyterServer, LabPage
from waiting import wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus

from flare_widgets.federation import LocalFederation

KIT = "kits/the-admin"

AUTHORIZER = """
from jupyter_server.auth import Authorizer

class ReadersOnly(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        if resource != "flare_widgets":
            return True
        return action == "read" and handler.request.headers.get("X-Denied") != "read"

c.ServerApp.authorizer_class = ReadersOnly
c.ServerApp.allow_unauthenticated_access = False
"""

JUNK: list[Any] = [
    "",
    "null",
    "{",
    "[" * 5000,
    b"\x00\xff",
    {"op": "nothing"},
    {"op": "open"},
    {"op": "open", "ref": {}, "kind": "jobs"},
    {"op": "follow", "model": 7},
    {"op": "send", "model": "x", "content": {"kind": "start"}},
    {"op": "send", "model": "x", "content": []},
    {"op": "ask", "ref": 1, "do": ["connect"]},
    {"op": "hello", "protocol": "1"},
    {"op": "leave", "model": "nothing"},
    "x" * 100_000,
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, federation: LocalFederation) -> Path:
    """A folder with a job and a startup kit: other federations of this machine have kits of the same names."""
    root = tmp_path_factory.mktemp("lab") / "root"
    shutil.copytree(federation.admin_kit, root / KIT)
    write_job(root, "hello")
    return root


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[JupyterServer]:
    with JupyterServer(root, root.parent / "home") as server:
        yield server


@pytest.fixture(scope="module")
def guarded(root: Path) -> Iterator[JupyterServer]:
    """A server under a base URL, whose authorizer lets everybody only look."""
    with JupyterServer(root, root.parent / "guarded", AUTHORIZER, "/user/ada/") as server:
        yield server


def refusal(server: JupyterServer, headers: dict[str, str], origin: str | None = None) -> int:
    with pytest.raises(InvalidStatus) as refused, server.open_link(headers, origin):
        pass
    return refused.value.response.status_code


# -- who may ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["server", "guarded"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "token wrong"}])
def test_nobody_else_gets_in(which: str, headers: dict[str, str], request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(which)
    assert server.request("flare-widgets/status", headers)[0] == 403
    assert refusal(server, headers) == 403


@pytest.mark.parametrize("which", ["server", "guarded"])
def test_user_gets_in(which: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(which)
    status, body = server.request("flare-widgets/status", server.with_token)
    assert (status, json.loads(body)) == (200, {"protocol": 1, "version": "0.1.0"})
    with LabPage(server) as page:
        assert page.welcome["protocol"] == 1


def test_cookie_works_only_from_same_origin(server: JupyterServer) -> None:
    cookies = server.log_in()
    assert server.request("flare-widgets/status", cookies)[0] == 200
    with server.open_link(cookies, server.url.rstrip("/")) as link:
        assert link.response is not None
    assert refusal(server, cookies, "https://evil.example.org") == 403


def test_no_route_changes_anything_by_http(server: JupyterServer) -> None:
    cookies = server.log_in()
    for path in ("flare-widgets/status", "flare-widgets/link"):
        assert server.request(path, cookies, "POST", b"{}")[0] == 403  # no XSRF header
        assert server.request(path, server.with_token, "POST", b"{}")[0] == 405
        assert server.request(path, server.with_token, "DELETE")[0] in (403, 405)


def test_authorizer_is_asked_for_each_message(guarded: JupyterServer) -> None:
    with LabPage(guarded) as page:
        assert page.welcome["may"] == ["read"]
        for do in ("connect", "close", "use", "check_kit", "forget", "local_start", "anything"):
            answer = page.ask(do, folder="hello", session="x")
            assert (answer["op"], answer["why"]) == ("refused", "You may not do this on this Jupyter server.")
        assert page.open("results", job="a1")["why"] == "You may not do this on this Jupyter server."
        assert page.open("job", job="a1")["why"].startswith("Not connected")  # to look is allowed
        assert page.ask("visible", visible=True)["op"] == "done"
        assert page.ask("check_job", folder="hello")["op"] == "done"


def test_user_who_may_not_read_gets_nothing(guarded: JupyterServer) -> None:
    headers = {**guarded.with_token, "X-Denied": "read"}
    assert guarded.request("flare-widgets/status", headers)[0] == 403
    assert refusal(guarded, headers) == 403


def test_server_knows_that_routes_are_guarded(server: JupyterServer, guarded: JupyterServer) -> None:
    for each in (server, guarded):
        # It warns of others: "- GET of TermSocket registered for /terminals/..."
        assert not re.search(r"^- \w+ of .*flare", each.log, re.MULTILINE | re.IGNORECASE)
        assert "flare_widgets.lab | extension was successfully loaded" in each.log


def test_junk_harms_nothing(server: JupyterServer) -> None:
    with LabPage(server) as page:
        for junk in JUNK:
            page.say(junk)
        assert page.ask("refresh")["op"] == "done"
    assert server.request("flare-widgets/status", server.with_token)[0] == 200


def test_flood_is_cut_off(server: JupyterServer) -> None:
    def flood(page: LabPage) -> None:
        for _ in range(2000):
            page.say({"op": "follow", "model": "x"})
        page.hear(lambda _: False)

    with LabPage(server) as page, pytest.raises(ConnectionClosed) as closed:
        flood(page)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def test_other_protocol_gets_only_welcome(server: JupyterServer) -> None:
    with server.open_link(server.with_token) as link:
        link.send(json.dumps({"op": "hello", "protocol": 99}))
        assert json.loads(link.recv(timeout=30))["op"] == "welcome"
        link.send(json.dumps({"op": "ask", "ref": 1, "do": "refresh"}))
        with pytest.raises(TimeoutError):
            link.recv(timeout=0.5)


# -- a real federation -----------------------------------------------------------------------------------------


def secret_lines(*folders: Path) -> set[str]:
    """The lines of all keys and certificates in some folders."""
    files = [file for folder in folders for kind in ("*.key", "*.crt", "*.pem") for file in folder.rglob(kind)]
    lines = {line for file in files for line in file.read_text().splitlines() if len(line) > 40}
    assert len(lines) > 20
    return lines


def test_job_from_folder_to_its_end(server: JupyterServer, federation: LocalFederation, root: Path) -> None:
    with LabPage(server) as page, LabPage(server) as other:
        page.wait_for(lambda facts: any(kit["folder"] == KIT for kit in facts.get("kits", ())))
        (kit,) = [each for each in page.sidebar["kits"] if each["folder"] == KIT]
        assert kit["user"] == ADMIN
        page.ask("visible", visible=True)
        page.ask("notifications", wanted=True)
        session = page.ask("connect", kit=kit["id"])["value"]["session"]
        page.wait_for(lambda facts: facts["sites"]["connected"] == 2)
        other.wait_for(lambda facts: [each["name"] for each in facts.get("sessions", ())] == [session])

        # What a kernel of this server finds.
        (file,) = server.runtime.glob("flare-widgets-*.json")
        assert file.stat().st_mode & 0o777 == 0o600
        assert json.loads(file.read_text())["kit"] == str(root / KIT)

        form = page.open("submit", session=session, folder="hello")
        assert form["view"] == "submit"
        assert form["state"]["job"]["path"] == "root/hello"
        page.hear(lambda frame: frame["op"] == "update" and frame["model"] == form["model"])
        page.send(form["model"], kind="start", action="submit", arguments={})
        submitted = page.hear(lambda frame: frame["op"] == "update" and frame["state"].get("submitted"))
        job_id = submitted["state"]["submitted"][0]["job_id"]

        jobs = page.open("jobs", session=session)
        assert other.open("jobs", session=session)["model"] == jobs["model"]
        page.send(jobs["model"], kind="resync", feed="rows", token="t")
        page.hear(lambda frame: frame["op"] == "custom" and any(key == job_id for key, _ in frame["content"]["set"]))
        job = page.open("job", session=session, job=job_id)
        assert job["view"] == "job"
        system = page.open("system", session=session)
        assert system["view"] == "system"

        notice = page.hear(lambda frame: frame["op"] == "notification", 120)
        assert notice["open"] == {"kind": "job", "args": {"session": session, "job": job_id}}
        assert notice["tone"] == "done"
        page.wait_for(lambda facts: facts["ended"]["finished"] >= 1)
        results = page.open("results", session=session, job=job_id)
        assert results["view"] == "results"
        heading = results["state"]["heading"]
        assert (heading["name"], heading["job_id"]) == ("hello", job_id)
        assert heading["folder"].startswith(f"results/hello-{job_id[:8]}")
        assert (root / heading["folder"]).is_dir()

        page.send(jobs["model"], kind="ask", action="delete")
        page.send(jobs["model"], kind="start", action="delete", arguments={"jobs": [job_id]})
        page.hear(
            lambda frame: (
                frame["op"] == "custom"
                and frame["model"] == jobs["model"]
                and job_id in frame["content"].get("removed", [])
            )
        )
        assert page.ask("close", session=session)["op"] == "done"
        views = {each["model"] for each in (form, jobs, job, system, results)}
        page.ask("refresh")
        assert views == {frame["model"] for text in page.frames if (frame := json.loads(text))["op"] == "gone"}
        wait_until(lambda: not file.exists())

        said = "\n".join([*page.frames, *other.frames, server.log])
        assert [line for line in secret_lines(federation.folder) if line in said] == []
        assert server.token not in said
        assert str(federation.folder) not in said
    assert re.search(r"flare_widgets\.lab\] \w+: connect kit-", server.log)
    assert re.search(r"flare_widgets\.lab\] \w+: delete in the view", server.log)


def test_stop_of_server_ends_sessions_soon(root: Path) -> None:
    server = JupyterServer(root, root.parent / "stopped", "c.FlareLab.read_only = True\n")
    try:
        with LabPage(server) as page:
            assert page.welcome["read_only"] is True
            session = page.ask("connect", folder=KIT)["value"]["session"]
            form = page.open("submit", session=session, folder="hello")
            assert "read" in form["state"]["actions"][0]["disabled_reason"]
            assert list(server.runtime.glob("flare-widgets-*"))
            assert server.stop() < 15
        assert not list(server.runtime.glob("flare-widgets-*"))
        assert "Traceback" not in server.log
    finally:
        server.stop()


def test_server_answers_while_first_page_loads(root: Path) -> None:
    """The heavy imports run beside the loop that serves all of JupyterLab."""
    with JupyterServer(root, root.parent / "quick") as server:
        loaded = threading.Event()

        def load() -> None:
            with LabPage(server):
                loaded.set()

        thread = threading.Thread(target=load)
        thread.start()
        answered = 0
        while not loaded.is_set():
            assert server.request("api/status", server.with_token)[0] == 200
            answered += 1
        thread.join()
        assert answered > 5
