"""``%flare`` in a real kernel, over the Jupyter protocol: completion, questions, and a notebook without a person."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kits
import pytest
from jobs import write_job
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from servers import FlareServer

from flare_widgets.api import Session
from flare_widgets.federation import LocalFederation

_LONG = 60
_STATIC = {"text/html", "text/plain"}
LIVE = [{"application/vnd.jupyter.widget-view+json"} | _STATIC, _STATIC]
"""The outputs of a live view: itself, and its static form."""


class Kernel:
    """A kernel, as a front end sees it."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client

    def run(self, code: str, answer: str | None = None) -> dict[str, Any]:
        """Execute code; what is asked is answered, if anybody is there to.

        Returns
        -------
        dict
            ``text``, all that was shown; ``types``, the MIME types of each display; ``asked``, the questions;
            ``status`` and the error's ``ename, evalue``.
        """
        asked: list[str] = []
        types: list[set[str]] = []

        def on_input(message: dict[str, Any]) -> None:
            asked.append(message["content"]["prompt"])
            self.client.input(answer or "")

        shown: list[str] = []
        displays: set[str] = set()

        def on_output(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                shown.append(content["text"])
            elif message["msg_type"] in ("display_data", "update_display_data", "execute_result"):
                display = content.get("transient", {}).get("display_id", "")
                if message["msg_type"] == "update_display_data" and display not in displays:
                    return  # a view of an earlier cell is renewed
                displays.add(display)
                shown.append(content["data"].get("text/plain", ""))
                types.append(set(content["data"]))

        reply = self.client.execute_interactive(
            code, allow_stdin=answer is not None, stdin_hook=on_input, output_hook=on_output, timeout=_LONG
        )["content"]
        return {"text": "\n".join(shown), "types": types, "asked": asked, **reply}

    def complete(self, code: str) -> tuple[list[str], str, float]:
        """The completions at the end of the code, the text they take the place of, and the seconds it took."""
        began = time.monotonic()
        message_id = self.client.complete(code, len(code))
        while True:
            reply = self.client.get_shell_msg(timeout=_LONG)
            if reply["parent_header"].get("msg_id") == message_id:
                content = reply["content"]
                replaced = code[content["cursor_start"] : content["cursor_end"]]
                return content["matches"], replaced, time.monotonic() - began

    def drain(self) -> None:
        """Forget what was shown."""
        try:
            while True:
                self.client.get_iopub_msg(timeout=0.2)
        except queue.Empty:
            pass


@pytest.fixture(scope="module")
def kernel(federation: LocalFederation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel whose ``%flare`` is connected as the project admin."""
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "jobs" / "one").mkdir(parents=True)
    (folder / "jokes.txt").touch()
    manager, client = start_new_kernel(cwd=str(folder))
    try:
        kernel = Kernel(client)
        kernel.run("%load_ext flare_widgets")
        assert kernel.run(f"%flare connect '{federation.admin_kit}'")["status"] == "ok"
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def waiting(ours: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A job in the queue, that no verb has shown yet."""
    folder = write_job(tmp_path_factory.mktemp("waiting"), "in-the-queue")
    meta = folder / "meta.json"
    meta.write_text(meta.read_text().replace('"min_clients": 2', '"min_clients": 5'))
    job_id = ours.submit_job(str(folder))
    yield job_id
    ours.abort_job(job_id)


def test_completion_in_kernel(kernel: Kernel, waiting: str) -> None:
    assert kernel.complete("%flare mon")[:2] == (["monitor"], "mon")
    assert kernel.complete("x = %flare stu")[:2] == (["studies", "study"], "stu")
    assert kernel.complete("a = 1\n%flare logs --le")[:2] == (["--level"], "--le")
    assert kernel.complete("%flare logs --level ")[0] == ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    assert kernel.complete(f"%flare monitor {waiting[:5]}")[:2] == ([waiting[:8]], waiting[:5])
    assert kernel.complete("%flare abort in-th")[:2] == (["in-the-queue"], "in-th")
    assert kernel.complete("%flare cat s")[0] == ["server", "site-1", "site-2"]
    assert kernel.complete("%flare use adm")[0] == ["admin@localhost"]
    assert kernel.complete("%flare submit jo")[:2] == (["jobs/"], "jo")
    assert kernel.complete("%flare submit jobs/")[:2] == (["jobs/one/"], "jobs/")
    assert kernel.complete("%flare connect kit --study d")[0] == ["default"]
    # Python is completed as ever.
    assert "import" in kernel.complete("impo")[0]


def test_completion_is_quick(kernel: Kernel) -> None:
    kernel.complete("%flare monitor ")
    took = sorted(kernel.complete(code)[2] for code in ("%flare ", "%flare monitor ", "%flare connect ", "%flare cat "))
    assert took[0] < 0.5


def test_variables_are_expanded(kernel: Kernel, waiting: str) -> None:
    kernel.run(f"job = '{waiting}'")
    for cell in ("%flare meta {job}", "%flare meta $job", "%flare meta {job[:13]}"):
        assert waiting in kernel.run(cell)["text"]
    kernel.run("meta = %flare meta {job}")
    assert kernel.run("meta['status']")["text"] == "'SUBMITTED'"


def test_person_is_asked(kernel: Kernel, waiting: str) -> None:
    done = kernel.run(f"%flare abort {waiting}", answer="n")
    assert done["asked"] == [f"Abort in-the-queue {waiting[:8]} (SUBMITTED)? [y/N] "]
    assert done["status"] == "ok"
    assert done["text"].endswith("Cancelled; nothing was changed.")


@pytest.mark.parametrize(
    ("verb", "words"),
    [("jobs", "in-the-queue"), ("status", "site-1"), ("sessions", "admin@nvidia.com")],
)
def test_person_gets_live_view(kernel: Kernel, waiting: str, verb: str, words: str) -> None:
    done = kernel.run(f"%flare {verb}", answer="")
    assert done["status"] == "ok"
    assert done["types"][:2] == LIVE
    assert words in done["text"]
    assigned = kernel.run(f"value = %flare {verb}", answer="")
    assert (assigned["status"], assigned["types"]) == ("ok", [])


def test_session_is_badge_where_person_looks(kernel: Kernel) -> None:
    shown = kernel.run("%flare use admin@localhost", answer="")
    assert shown["types"][:2] == LIVE
    assert "admin@nvidia.com" in shown["text"]
    assert kernel.run("%flare use admin@localhost")["types"] == [{"text/plain"}]


def test_submit_without_folder_is_form(kernel: Kernel) -> None:
    done = kernel.run("%flare submit", answer="")
    assert done["status"] == "ok"
    assert done["types"][:2] == LIVE


@pytest.mark.parametrize("verb", ["jobs", "status", "sessions"])
def test_without_person_there_is_plain_form(kernel: Kernel, waiting: str, verb: str) -> None:
    assert kernel.run(f"%flare {verb}")["types"] == [{"text/html", "text/plain"}]
    kernel.run("%config FlareWidgets.views = False")
    assert kernel.run(f"%flare {verb}", answer="")["types"] == [{"text/html", "text/plain"}]
    kernel.run("%config FlareWidgets.views = True")


@pytest.mark.parametrize("verb", ["abort {job}", "delete {job}", "shutdown all", "restart all", "disable site-1"])
def test_without_person_nothing_is_destroyed(kernel: Kernel, ours: Session, waiting: str, verb: str) -> None:
    done = kernel.run("%flare " + verb.format(job=waiting))
    assert (done["status"], done["ename"]) == ("error", "UsageError")
    assert "Cannot ask for confirmation here; add --yes to proceed" in done["evalue"]
    assert ours.get_job_status(waiting) == "SUBMITTED"
    assert len(ours.get_connected_client_list()) == 2


def test_yes_does_it_without_person(kernel: Kernel) -> None:
    assert kernel.run("copy = %flare clone in-the-queue")["status"] == "ok"
    assert kernel.run("%flare abort {copy} --yes")["status"] == "ok"
    assert "FINISHED:ABORTED" in kernel.run("%flare meta {copy}")["text"]
    assert kernel.run("%flare delete {copy} --yes")["status"] == "ok"


def test_interrupt_ends_wait_and_keeps_session(federation: LocalFederation, waiting: str, tmp_path: Path) -> None:
    manager, client = start_new_kernel(cwd=str(tmp_path))
    try:
        kernel = Kernel(client)
        kernel.run("%load_ext flare_widgets")
        kernel.run(f"%flare connect '{federation.admin_kit}'")
        for line in (f"wait {waiting}", f"logs {waiting} --follow", f"monitor {waiting} --wait"):
            # The interrupt comes from within, when the verb surely waits: nothing to guess from outside.
            kernel.run(
                "import os, signal, threading; threading.Timer(3, os.kill, (os.getpid(), signal.SIGINT)).start()"
            )
            message_id = client.execute(f"%flare {line}")
            while (reply := client.get_shell_msg(timeout=20))["parent_header"].get("msg_id") != message_id:
                pass
            assert reply["content"]["ename"] == "UsageError", line
            assert reply["content"]["evalue"].startswith("stopped ")
            assert "still running" in reply["content"]["evalue"]
            kernel.drain()
            assert "SUBMITTED" in kernel.run(f"%flare meta {waiting}")["text"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("mode", ["Verbose", "Context"])
def test_no_output_of_kernel_has_token(mode: str, kernel: Kernel, tmp_path: Path) -> None:
    """Of calls that fail, by the API, by a verb and by ``%tb``: all that a notebook saves."""
    server = FlareServer()
    server.commands["list_jobs"] = b"not JSON"
    with server.running() as port:
        kit = kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port)
        kernel.run(f"%xmode {mode}")
        cells = [
            f"import flare_widgets\ns = flare_widgets.connect({str(kit)!r}); s.set_timeout(1)\ns.list_jobs()",
            "%tb",
            f"%flare connect {kit} --name leaky",
            "%flare jobs",
            "%tb",
            "%flare close leaky\ns.close()\n%xmode Context",
        ]
        done = [kernel.run(cell) for cell in cells]
    shown = "\n".join("\n".join([cell["text"], *cell.get("traceback", [])]) for cell in done)
    assert done[0]["ename"] == "ProtocolError"
    assert shown.count("is not JSON") >= 3
    assert [secret for secret in ("the-secret-session-token", "the-secret-cell-token") if secret in shown] == []
