"""The component that writes all metrics to the server's log, how it gets into a job, and how its lines are read."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from flare_widgets import bounds
from flare_widgets.authoring import components
from flare_widgets.authoring.components import add_live_metrics
from flare_widgets.cell_jobs import LIVE_METRICS_LINE, LIVE_METRICS_MODULE, LIVE_SCALARS_LINE
from flare_widgets.monitoring import JobSnapshot, apply_updates
from flare_widgets.monitoring.history import read_history, read_stored_log
from flare_widgets.monitoring.job.model import KeyMetric, Point, Round
from flare_widgets.monitoring.job.reducer import MAX_STEP_SERIES, MAX_STEPS
from flare_widgets.monitoring.job.updates import LiveMetricsFound, MetricValue, ScalarValue
from flare_widgets.monitoring.logs.facts import MAX_NAME_CHARS, ServerLogParser
from flare_widgets.monitoring.logs.files import read_config, read_round_metrics
from flare_widgets.monitoring.polling.polls import ServerClock
from flare_widgets.monitoring.results.job_result import JobResult
from flare_widgets.monitoring.results.scalars import StepPoint, StepSeries

pytestmark = pytest.mark.skipif(importlib.util.find_spec("nvflare") is None, reason="needs the extra 'local'")

CONTEXT = "identity=server, run=1, wf=controller, peer=site-1, peer_rc=OK, task_id=t"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the component's module as a server imports it: by its name in the job."""
    spec = importlib.util.spec_from_file_location(LIVE_METRICS_MODULE, components._SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, LIVE_METRICS_MODULE, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def server(module: ModuleType, caplog: pytest.LogCaptureFixture) -> Iterator[Server]:
    with caplog.at_level(logging.INFO):
        yield Server(module, caplog)


class Server:
    """A server that fires events at the component, and the lines that the component writes."""

    def __init__(self, module: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
        self.component = module.LiveMetrics()
        self._caplog = caplog

    def fire(self, event: str, *, peer: str = "site-1", result: Any = None, **props: Any) -> None:
        from nvflare.apis.fl_constant import FLContextKey, ReservedKey
        from nvflare.apis.fl_context import FLContext

        peer_context, context = FLContext(), FLContext()
        peer_context.set_prop(ReservedKey.IDENTITY_NAME, peer, private=False)
        peer_context.set_prop(FLContextKey.SHAREABLE, result, private=False)
        context.set_peer_context(peer_context)
        for key, value in props.items():
            context.set_prop(key, value)
        self.component.handle_event(event, context)

    def contribute(self, metrics: Any, number: int | None = 0, **more: Any) -> None:
        """Fire what FLARE fires when a site has sent a model."""
        from nvflare.app_common.abstract.fl_model import FLModel
        from nvflare.app_common.app_event_type import AppEventType
        from nvflare.app_common.utils.fl_model_utils import FLModelUtils

        model = FLModel(params={"w": 1}, current_round=number)
        model.metrics = metrics
        self.fire(AppEventType.AFTER_CONTRIBUTION_ACCEPT, result=FLModelUtils.to_shareable(model), **more)

    def write_scalar(self, tag: str, value: Any, step: int | None, data_type: str = "SCALAR") -> None:
        """Fire what FLARE fires when a site's SummaryWriter has sent something."""
        from nvflare.apis.analytix import ANALYTIC_EVENT_TYPE, AnalyticsDataType
        from nvflare.apis.fl_constant import FLContextKey, ReservedKey
        from nvflare.apis.fl_context import FLContext
        from nvflare.apis.utils.analytix_utils import create_analytic_dxo

        more = {} if step is None else {"global_step": step}
        event = create_analytic_dxo(tag, value, AnalyticsDataType[data_type], **more).to_shareable()
        peer = FLContext()
        peer.set_prop(ReservedKey.IDENTITY_NAME, "site-2", private=False)
        event.set_peer_props(peer.get_all_public_props())
        self.fire(f"fed.{ANALYTIC_EVENT_TYPE}", **{FLContextKey.EVENT_DATA: event})

    @property
    def lines(self) -> list[str]:
        """The lines, without FLARE's context."""
        return [record.getMessage().partition("]: ")[2] for record in self._caplog.records]

    def read(self) -> list[Any]:
        """Return the updates that the monitor makes of the lines."""
        return read(*self.lines)


def read(*messages: str) -> list[Any]:
    record = {"asctime": "2026-11-25 16:44:31,934", "name": "LiveMetrics", "levelname": "INFO", "fl_ctx": CONTEXT}
    text = "".join(json.dumps({**record, "message": message}) + "\n" for message in messages)
    return [update for update in ServerLogParser().feed(text) if isinstance(update, (MetricValue, ScalarValue))]


def value(name: str, number: float, site: str = "site-1", current_round: int = 0) -> MetricValue:
    return MetricValue(name, site, Point(current_round, number, 1), "controller")


def test_every_metric_of_first_round_is_logged(server: Server) -> None:
    server.contribute({"loss": 0.5, "accuracy": np.float32(0.25), "n": 3})
    server.contribute({"loss": 0.75}, number=1, peer="site-2")
    assert all(line.startswith(LIVE_METRICS_LINE) for line in server.lines)
    assert server.read() == [
        value("loss", 0.5),
        value("accuracy", 0.25),
        value("n", 3.0),
        value("loss", 0.75, "site-2", 1),
    ]


def test_aggregate_is_logged_as_all_sites(server: Server) -> None:
    from nvflare.app_common.abstract.fl_model import FLModel
    from nvflare.app_common.app_constant import AppConstants
    from nvflare.app_common.app_event_type import AppEventType

    model = FLModel(params={}, metrics={"loss": 0.625}, current_round=2)
    server.fire(AppEventType.AFTER_AGGREGATION, **{AppConstants.AGGREGATION_RESULT: model})
    assert server.read() == [value("loss", 0.625, "", 2)]


def test_round_of_context_counts_without_header(server: Server) -> None:
    from nvflare.app_common.app_constant import AppConstants

    server.contribute({"loss": 0.5}, number=None, **{AppConstants.CURRENT_ROUND: 4})
    assert server.read() == [value("loss", 0.5, current_round=4)]


def test_rejected_contribution_is_not_logged(server: Server) -> None:
    from nvflare.app_common.app_constant import AppConstants

    server.contribute({"loss": 0.5}, **{AppConstants.AGGREGATION_ACCEPTED: False})
    assert server.lines == []


@pytest.mark.parametrize(
    "metrics",
    [
        None,
        0.5,
        [],
        {},
        {"a": "text", "b": None, "c": True, "d": [1], "e": np.zeros(3)},
        {"nan": float("nan"), "inf": float("inf"), "huge": 10**400},
        {1: 0.5, "": 1, "x" * 201: 1, "a\nb": 1, "\ud800": 1},
    ],
)
def test_only_named_finite_numbers_are_logged(server: Server, metrics: Any) -> None:
    server.contribute(metrics)
    assert server.lines == []


@pytest.mark.parametrize("result", [None, 5, "text", {}, object()])
def test_nothing_raised_harms_job(server: Server, result: Any) -> None:
    from nvflare.app_common.app_event_type import AppEventType

    server.fire(AppEventType.AFTER_CONTRIBUTION_ACCEPT, result=result)
    server.fire(AppEventType.AFTER_AGGREGATION)
    server.fire("fed.analytix_log_stats")
    server.fire("_start_run")
    assert server.lines == []


def test_lines_are_bounded(server: Server) -> None:
    server.contribute({f"{n:03}{'ü' * 190}": n for n in range(10_000)})
    (line,) = server.lines
    assert len(line) < 13_000
    assert len(server.read()) > 5


def test_scalars_are_collected_for_second(server: Server, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    server.write_scalar("loss", 0.5, 1)
    assert server.read() == [ScalarValue("loss", "site-2", StepPoint(1, 0.5))]
    for step in range(2, 200):
        server.write_scalar("loss", 0.25, step)
    assert len(server.lines) == 1
    now += 1
    server.write_scalar("train_metrics", {"auc": 0.75, "acc": 1}, None, "SCALARS")
    server.write_scalar("note", "text", None, "TEXT")
    assert len(server.lines) == 2
    assert all(line.startswith(LIVE_SCALARS_LINE) for line in server.lines)
    assert len(server.read()) == 1 + module.MAX_METRICS  # the rest comes with the result


def test_group_of_scalars_named_as_in_result(server: Server) -> None:
    server.write_scalar("train_metrics", {"auc": 0.75}, None, "METRICS")
    assert server.read() == [ScalarValue("train auc", "site-2", StepPoint(0, 0.75))]


def test_rest_of_scalars_written_at_end(server: Server) -> None:
    for step in range(3):
        server.write_scalar("loss", 0.5, step)
    server.fire("_about_to_end_run")
    assert [update.point.step for update in server.read()] == [0, 1, 2]


def test_live_selector_and_record_agree_on_one_series(server: Server) -> None:
    """The key metric is told three times, by the selector, by the component and by the record: once in the snapshot."""
    server.contribute({"loss": 0.5, "f1": 0.25}, number=1)
    lines = ["starting workflow controller (<class 'FedAvg'>) ...", "Round 1 started."]
    record = {"asctime": "2026-11-25 16:44:31,934", "name": "x", "levelname": "INFO", "fl_ctx": CONTEXT}
    messages = [*lines, "validation metric -0.5 from client site-1", *server.lines]
    live = ServerLogParser().feed("".join(json.dumps({**record, "message": text}) + "\n" for text in messages))
    before = apply_updates(JobSnapshot("job"), [KeyMetric("loss", "min"), *live])
    found = {
        (series.name, series.site, series.workflow): [p.value for p in series.points] for series in before.round_metrics
    }
    assert found == {("loss", "site-1", "controller"): [0.5], ("f1", "site-1", "controller"): [0.25]}
    metrics = [{"name": "loss", "value": 0.5}, {"name": "f1", "value": 0.25}]
    text = json.dumps({"round": 1, "sites": [{"name": "site-1", "metrics": metrics}]})
    after = apply_updates(before, read_round_metrics(text, ["controller"]))
    assert {(s.name, s.site, s.workflow): [p.value for p in s.points] for s in after.round_metrics} == found


def test_metric_called_like_another_line_is_only_metric() -> None:
    line = json.dumps({"round": 0, "site": "a", "metrics": [["Round 7 started.", 1.0], ["END_RUN fired", 2.0]]})
    assert [update.name for update in read(LIVE_METRICS_LINE + line)] == ["Round 7 started.", "END_RUN fired"]


@pytest.mark.parametrize(
    "data",
    [
        {"round": -1, "site": "a", "metrics": [["x", 1]]},
        {"round": True, "site": "a", "metrics": [["x", 1]]},
        {"round": 0, "site": 5, "metrics": [["x", 1]]},
        {"round": 0, "site": "a", "metrics": {"x": 1}},
        {"round": 0, "site": "a", "metrics": [[1, 1], ["x"], ["x", "1"], ["x", True], "xy", None]},
        {"scalars": [{"site": "a", "name": "x", "step": -1, "value": 1}, {"site": "a"}, 5, ["x"]]},
        {"scalars": {"x": 1}},
    ],
)
def test_wrong_line_tells_nothing(data: Any) -> None:
    assert read(LIVE_METRICS_LINE + json.dumps(data)) == []


def test_names_and_counts_of_line_are_bounded() -> None:
    line = json.dumps({"round": 0, "site": "s" * 5000, "metrics": [["n" * 5000, 1.0]]})
    (update,) = read(LIVE_METRICS_LINE + line)
    assert (len(update.name), len(update.site)) == (MAX_NAME_CHARS, MAX_NAME_CHARS)
    many = json.dumps({"round": 0, "site": "s", "metrics": [["n", 1.0]] * 1000})
    assert len(read(LIVE_METRICS_LINE + many)) == 50


@pytest.mark.parametrize(("is_logged", "reason"), [(True, ""), (False, "the job keeps no record of them")])
def test_logged_metrics_of_older_server_are_not_missing(is_logged: bool, reason: str) -> None:
    """FLARE before 2.9 keeps no record of metrics by round."""
    live = LIVE_METRICS_LINE + json.dumps({"round": 0, "site": "a", "metrics": [["x", 1.0]]})
    record = {"asctime": "2026-11-25 16:44:31,934", "name": "x", "levelname": "INFO", "fl_ctx": CONTEXT}
    messages = ["Round 0 started.", *([live] if is_logged else [])]
    text = "".join(json.dumps({**record, "message": message}) + "\n" for message in messages)
    known = apply_updates(JobSnapshot("job"), read_history(JobResult(log=(text.encode(),)), ServerClock()))
    assert known.freshness_of("metrics").missing_reason == reason
    assert known.has_live_metrics is is_logged


@pytest.mark.parametrize(("has_component", "reason"), [(True, ""), (False, "the job keeps no record of them")])
def test_job_of_cell_that_sent_no_metric_has_none_missing(has_component: bool, reason: str) -> None:
    """It failed before the first."""
    record = {"asctime": "2026-11-25 16:44:31,934", "name": "x", "levelname": "INFO", "fl_ctx": CONTEXT}
    log = (json.dumps({**record, "message": "Round 0 started."}) + "\n").encode()
    components = [{"id": "live", "path": f"{LIVE_METRICS_MODULE}.LiveMetrics"}] if has_component else []
    result = JobResult(log=(log,), config_text=json.dumps({"components": components}), config_suffix=".json")
    known = apply_updates(JobSnapshot("job"), read_history(result, ServerClock()))
    assert known.freshness_of("metrics").missing_reason == reason


def test_many_values_do_not_end_reading_of_stored_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour with a SummaryWriter makes more values than the rounds of most jobs make facts."""
    monkeypatch.setattr(bounds, "MAX_LOG_UPDATES", 10)
    monkeypatch.setattr(bounds, "MAX_LIVE_VALUES", 70)
    monkeypatch.setattr(bounds, "PIECE_BYTES", 100)
    scalars = [{"site": "a", "name": "x", "step": step, "value": 0.5} for step in range(50)]
    record = {"asctime": "2026-11-25 16:44:31,934", "name": "x", "levelname": "INFO", "fl_ctx": CONTEXT}
    messages = [*[LIVE_SCALARS_LINE + json.dumps({"scalars": scalars})] * 5, "Round 3 started."]
    text = "".join(json.dumps({**record, "message": message}) + "\n" for message in messages)
    parser = ServerLogParser()
    updates = read_stored_log(parser, (text.encode(),))
    assert len([update for update in updates if isinstance(update, ScalarValue)]) == parser.live_value_count == 100
    assert [update.number for update in updates if isinstance(update, Round)] == [3]


def test_live_steps_are_bounded_and_result_wins() -> None:
    many = [ScalarValue("loss", "a", StepPoint(step, 0.5)) for step in range(MAX_STEPS + 10)]
    many += [ScalarValue(f"m{n:04}", "a", StepPoint(0, 0.5)) for n in range(MAX_STEP_SERIES + 10)]
    known = apply_updates(JobSnapshot("job"), many)
    assert len(known.live_scalars) == MAX_STEP_SERIES
    assert [p.step for p in known.live_scalars[0].points] == [*range(10, MAX_STEPS + 10)]

    from flare_widgets.monitoring.job.model import Results

    recorded = StepSeries("loss", "a", (StepPoint(0, 1.0),))
    ended = apply_updates(known, [Results(scalars=(recorded,))])
    assert ended.step_metrics == (recorded, *known.live_scalars[1:])


# -- into the job --------------------------------------------------------------------------------------------


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "app" / "config").mkdir(parents=True)
    (tmp_path / "app" / "custom").mkdir()
    (tmp_path / "meta.json").write_text('{"deploy_map": {"other": ["site-1"], "app": ["@ALL"]}}')
    (tmp_path / "app" / "config" / "config_fed_server.json").write_text(
        '{"workflows": [1], "components": [{"id": "a"}]}'
    )
    return tmp_path


def server_config(job: Path) -> str:
    return (job / "app" / "config" / "config_fed_server.json").read_text()


def test_component_added_once_and_recognized(job: Path) -> None:
    assert add_live_metrics(job)
    once = server_config(job)
    assert json.loads(once)["components"][0] == {"id": "a"}
    assert json.loads(once)["workflows"] == [1]
    found = read_config(once)
    assert found is not None
    assert LiveMetricsFound() in found.updates
    assert not add_live_metrics(job)
    assert server_config(job) == once
    source = (job / "app" / "custom" / f"{LIVE_METRICS_MODULE}.py").read_text()
    assert "flare-widgets has added" in source
    assert "flare_widgets." not in source  # which the server does not have


def test_no_code_brought_to_server_that_gets_none(job: Path) -> None:
    before = server_config(job)
    assert not add_live_metrics(job, only_beside_code=True)
    assert server_config(job) == before
    assert not [*(job / "app" / "custom").iterdir()]
    (job / "app" / "custom" / "client.py").touch()
    assert add_live_metrics(job, only_beside_code=True)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("meta.json", "no json"),
        ("meta.json", "{}"),
        ("meta.json", '{"deploy_map": {"app": ["site-1"], "x": 5}}'),
        ("app/config/config_fed_server.json", "[]"),
        ("app/config/config_fed_server.json", '{"components": {"a": 1}}'),
    ],
)
def test_unusual_job_is_left_as_it_is(job: Path, file: str, text: str) -> None:
    (job / file).write_text(text)
    assert not add_live_metrics(job)
    assert (job / file).read_text() == text
    assert not [*(job / "app" / "custom").iterdir()]
