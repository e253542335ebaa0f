"""Types that editors know of both faces: `make lint` has mypy check each, and that each marked line is an error."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from flare_widgets import AsyncSession, Job, Session, connect_async
from flare_widgets.api import AsyncJob


def blocking(session: Session) -> None:
    assert_type(session.get_job_meta(job_id="x"), dict[str, Any])
    assert_type(session.list_jobs(limit=3, reverse=True)[0], dict[str, Any])
    assert_type(session.job("x").clone(), Job)
    assert_type(session.jobs()[0].status, str | None)
    assert_type(session.submit_job("folder", progress=lambda done, total: None), str)
    session.get_job_meta(5)  # type: ignore[arg-type]
    session.job("x").wait(often=True)  # type: ignore[call-arg]


async def awaiting(session: AsyncSession, job: Job) -> None:
    assert_type(await session.get_job_meta(job_id="x"), dict[str, Any])
    assert_type(await session.job("x"), AsyncJob)
    assert_type(await (await session.jobs())[0].status, str | None)
    assert_type(await (await session.job("x")).clone(), AsyncJob)
    assert_type(await job, dict[str, Any])
    session.get_job_meta("x").get("status")  # type: ignore[attr-defined]
    async with connect_async("kit") as other:
        assert_type(other, AsyncSession)
    assert_type(await connect_async("kit"), AsyncSession)
    await session.show_stats("x")  # type: ignore[call-arg]
