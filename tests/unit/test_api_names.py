"""The FLARE API's names: whoever knows nvflare's client knows ours."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nvflare.fuel.flare_api import api_spec, flare_api

from flare_widgets import api
from flare_widgets.api import Session, new_secure_session

METHODS = [
    "get_system_info",
    "list_jobs",
    "get_job_meta",
    "get_job_status",
    "submit_job",
    "clone_job",
    "abort_job",
    "delete_job",
    "monitor_job",
    "monitor_job_and_return_job_meta",
    "wait_for_job",
    "download_job_result",
    "close",
    "try_connect",
    "set_timeout",
    "unset_timeout",
]


@pytest.mark.parametrize("method", METHODS)
def test_method_has_nvflares_parameters(method: str) -> None:
    check_parameters(getattr(Session, method), getattr(flare_api.Session, method))


def test_session_is_opened_with_nvflares_parameters() -> None:
    check_parameters(new_secure_session, flare_api.new_secure_session)
    check_parameters(Session, flare_api.Session)


def check_parameters(ours: Callable[..., Any], theirs: Callable[..., Any]) -> None:
    def described(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.kind, p.default) for p in parameters if p.name != "self"]

    extra = [p for p in described(ours) if p not in described(theirs)]
    assert [p for p in described(ours) if p not in extra] == described(theirs)
    for _, kind, default in extra:
        assert kind is inspect.Parameter.KEYWORD_ONLY
        assert default is None


@pytest.mark.parametrize(
    "name",
    sorted(n for n, v in vars(api_spec).items() if isinstance(v, type) and issubclass(v, Exception)),
)
def test_exception_has_nvflares_name_and_bases(name: str) -> None:
    ours, theirs = getattr(api, name), getattr(api_spec, name)
    assert {b.__name__ for b in theirs.__mro__} <= {b.__name__ for b in ours.__mro__}
    if "__init__" in vars(theirs):
        check_parameters(ours, theirs)


def test_codes_of_monitoring_are_nvflares() -> None:
    assert [(c.name, c.value) for c in api.MonitorReturnCode] == [(c.name, c.value) for c in api_spec.MonitorReturnCode]
    assert api.MonitorReturnCode.TIMEOUT == api_spec.MonitorReturnCode.TIMEOUT
    assert [str(c) for c in api.MonitorReturnCode] == [str(c) for c in api_spec.MonitorReturnCode]


def test_target_types_are_nvflares() -> None:
    def constants(kind: type) -> dict[str, Any]:
        return {k: v for k, v in vars(kind).items() if k.isupper()}

    assert constants(api.TargetType) == constants(api_spec.TargetType)


@pytest.mark.parametrize("time", [None, 0, 1_700_000_000.5])
def test_infos_have_nvflares_attributes_and_texts(time: float | None) -> None:
    def made(module: Any) -> Any:
        server = module.ServerInfo("started", time)
        clients = [module.ClientInfo("site-1", time), module.ClientInfo("site-2", None)]
        return module.SystemInfo(server, clients, [module.JobInfo("j", "app"), module.JobInfo("k", "app")])

    ours, theirs = made(api), made(api_spec)
    for mine, other in [
        (ours, theirs),
        (ours.server_info, theirs.server_info),
        *zip(ours.client_info, theirs.client_info, strict=True),
        *zip(ours.job_info, theirs.job_info, strict=True),
    ]:
        assert str(mine) == str(other)
        assert list(vars(mine)) == list(vars(other))
        assert type(mine).__name__ == type(other).__name__
    assert repr(ours) == str(theirs)


#: Where nvflare's client raises something that is no exception of its API, and what ours raises.
BETTER = {
    "there is no startup kit": (AssertionError, api.ConfigError),
    "the startup kit is no text": (AssertionError, TypeError),
}


def test_invalid_startup_kit_raises_api_error(tmp_path: Path) -> None:
    for location, case in ((str(tmp_path / "x"), "there is no startup kit"), (5, "the startup kit is no text")):
        theirs, ours = BETTER[case]
        with pytest.raises(theirs):
            flare_api.new_secure_session("x", location)
        with pytest.raises(ours):
            new_secure_session("x", location)  # type: ignore[arg-type]


def test_sample_callback_prints_like_nvflare(capsys: pytest.CaptureFixture[str]) -> None:
    metas = [{"status": status, "job_id": "x"} for status in ("SUBMITTED", *["RUNNING"] * 5, "FINISHED:COMPLETED")]

    def printed(callback: Callable[..., bool]) -> tuple[str, dict[str, int]]:
        counter = {"count": 0}
        assert all(callback(None, "x", dict(meta), cb_run_counter=counter) for meta in metas)
        return capsys.readouterr().out, counter

    check_parameters(api.basic_cb_with_print, flare_api.basic_cb_with_print)
    ours, theirs = printed(api.basic_cb_with_print), printed(flare_api.basic_cb_with_print)
    assert ours == theirs
    assert ours[1] == {"count": 7}
