"""Lists and the system's state in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from recording import Elements

from flare_widgets.api import ClientInfo, JobInfo, ServerInfo, SystemInfo
from flare_widgets.monitoring.system.format import describe_system
from flare_widgets.views.jobs.table import JobTable
from flare_widgets.views.system.view import SystemStatus

JOB = {
    "job_id": "76b8d043-66ab-47f6-9933-f62c80b7dc58",
    "job_name": "hello-numpy",
    "status": "FINISHED:COMPLETED",
    "submit_time": "2026-11-23T22:40:03.858821+00:00",
    "duration": "0:00:15.837898",
    "study": "default",
}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202egnp"


def test_job_table_prints_and_stays_list() -> None:
    table = JobTable([JOB])
    assert list(table) == [JOB]
    heading, row = repr(table).splitlines()
    assert heading.split() == ["name", "status", "submitted", "duration", "study", "id"]
    assert row.split() == [
        "hello-numpy",
        "FINISHED:COMPLETED",
        "2026-11-23",
        "22:40:03",
        "15",
        "s",
        "default",
        "76b8d043",
    ]


def test_no_jobs_say_what_to_do() -> None:
    assert "%flare submit" in repr(JobTable([]))
    assert "%flare submit" in JobTable([])._repr_html_()


@pytest.mark.parametrize("field", sorted(JOB))
def test_hostile_jobs_are_only_text(field: str) -> None:
    table = JobTable([{**JOB, field: HOSTILE}])
    assert "\x1b" not in repr(table)
    assert "\u202e" not in repr(table)
    page = Elements(table._repr_html_())
    assert page.tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert not {a for a in page.attributes if a.startswith("on") or a == "src"}
    if field not in ("job_id", "submit_time", "duration"):  # those are cut short
        assert "<script>alert(1)</script>" in page.words


def _session(**kit: Any) -> Any:
    facts = {"username": "ann@h.org", "role": "lead", "organization": "h", "address": "server:8002", **kit}
    return SimpleNamespace(kit=SimpleNamespace(**facts), study="default")


def test_system_in_words() -> None:
    info = SystemInfo(
        ServerInfo("started", 1000.0),
        [ClientInfo("site-2", 1958.0), ClientInfo("site-1", 1997.0)],
        [JobInfo("76b8d043", "app")],
    )
    lines = repr(SystemStatus(_session(), info, now=2000.0)).splitlines()
    assert lines[0] == "ann@h.org  lead, h  →  server:8002  study default"
    assert lines[1].startswith("  ! site-2 has been silent for 42 s")
    assert lines[2].startswith("  server  connected, up since ")
    assert lines[3:] == [
        "  site-1  connected, last seen 3 s ago",
        "  site-2  silent for 42 s",
        "  job     76b8d043 is running (app)",
    ]


def test_empty_system_says_so() -> None:
    text = repr(SystemStatus(_session(role="", organization=""), SystemInfo(ServerInfo("stopped", None), [], []), 0))
    assert "sites   none connected" in text
    assert "jobs    none running" in text


def test_status_is_answer_itself() -> None:
    info = SystemInfo(ServerInfo("stopped", None), [ClientInfo(HOSTILE, None)], [])
    status = SystemStatus(_session(), info, now=0)
    assert status.client_info == info.client_info
    assert repr(status) == describe_system(status.snapshot, now=0)
    assert "\x1b" not in repr(status)
