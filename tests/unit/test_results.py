"""Readers of a job's result: the numbers of real files, and nothing worse than nothing of hostile ones."""

from __future__ import annotations

import itertools
import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from damage import JUNK
from fakes import Fake
from hypothesis import given, settings
from hypothesis import strategies as st

from flare_widgets import bounds
from flare_widgets.api.transfer.result_files import ResultFiles
from flare_widgets.api.transfer.zip_members import SkippedFile
from flare_widgets.monitoring.history import read_stored_config
from flare_widgets.monitoring.job.model import Argument
from flare_widgets.monitoring.results import evaluation, files, scalars, statistics
from flare_widgets.monitoring.results.evaluation import Evaluation, read_evaluation
from flare_widgets.monitoring.results.files import ResultFile, Selection, kind_of, list_files
from flare_widgets.monitoring.results.job_result import JobResult, fetch_job_result, parse_job_result
from flare_widgets.monitoring.results.scalars import StepPoint, StepSeries, read_scalars
from flare_widgets.monitoring.results.statistics import (
    Bin,
    FeatureStatistic,
    Histogram,
    Statistics,
    find_statistics_path,
    read_statistics,
)

#: Files of real results of nvflare 2.9.0; those below ``xgboost`` are written by its TensorBoardEventWriter.
REAL = Path(__file__).parent / "results"


def event_files(folder: Path) -> dict[str, bytes]:
    return {f"workspace/{p.relative_to(folder).as_posix()}": p.read_bytes() for p in folder.rglob("events.out.*")}


# scalars


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    data = b""
    while number > 0x7F:
        data, number = data + bytes([number & 0x7F | 0x80]), number >> 7
    return data + bytes([number])


def message(key: int, content: bytes) -> bytes:
    return varint(key << 3 | 2) + varint(len(content)) + content


def value(tag: str, number: float) -> bytes:
    return message(1, tag.encode()) + varint(2 << 3 | 5) + struct.pack("<f", number)


def event(step: int, *values: bytes) -> bytes:
    head = varint(1 << 3 | 1) + struct.pack("<d", 1.7e9) + varint(2 << 3) + varint(step)
    return head + message(5, b"".join(message(1, entry) for entry in values))


def record(data: bytes) -> bytes:
    return struct.pack("<QI", len(data), 0) + data + bytes(4)


def read(*events: bytes, path: str = "workspace/tb_events/site-1/events.out.tfevents.1") -> tuple[StepSeries, ...]:
    return read_scalars({path: b"".join(map(record, events))})


def test_real_event_files_are_read() -> None:
    series = read_scalars(event_files(REAL))
    train = [s for s in series if s.name == "train_loss"]
    assert [s.site for s in train] == ["site-1", "site-2"]
    for s, more in zip(train, (0.1, 0.2), strict=True):
        assert [p.step for p in s.points] == list(range(12))
        assert [p.value for p in s.points] == pytest.approx([2 / (step + 1) + more for step in range(12)], rel=1e-6)
    assert train[0].points[0] == StepPoint(0, 2.1)


def test_group_of_values_is_named_after_group_and_value() -> None:
    series = {s.name: [p.value for p in s.points] for s in read_scalars(event_files(REAL / "xgboost"))}
    assert series == {
        "eval auc": [0.4, 0.5, 0.6],
        "lr": [0.1, 0.1, 0.1],
        "train auc": [0.5, 0.6, 0.7],
        "train logloss": [0.6, 0.5, 0.4],
    }


@pytest.mark.parametrize(
    ("path", "site", "name"),
    [
        ("workspace/tb_events/events.out.tfevents.1", "", "loss"),
        ("workspace/events.out.tfevents.1", "", "loss"),
        ("workspace/tb/site-1/loss_train/events.out.tfevents.1", "site-1", "loss train"),
        ("workspace/tb/site-1/version_0/events.out.tfevents.1", "site-1", "version_0/loss"),
        ("workspace/tb/a\x1bb/events.out.tfevents.1", "a\N{REPLACEMENT CHARACTER}b", "loss"),
    ],
)
def test_series_is_named_by_its_path(path: str, site: str, name: str) -> None:
    assert read(event(1, value("loss", 0.5)), path=path) == (StepSeries(name, site, (StepPoint(1, 0.5),)),)


def test_last_value_of_a_step_counts() -> None:
    assert read(event(3, value("a", 1)), event(-1, value("a", 2)), event(3, value("a", 4))) == (
        StepSeries("a", "site-1", (StepPoint(-1, 2.0), StepPoint(3, 4.0))),
    )


FLOAT, DOUBLE, TEXT = (varint(1 << 3) + varint(kind) for kind in (1, 2, 7))


@pytest.mark.parametrize(
    ("tensor", "number"),
    [
        (FLOAT + message(2, b"") + message(4, struct.pack("<f", 0.1)), 0.1),
        (FLOAT + message(5, struct.pack("<f", 0.25)), 0.25),
        (FLOAT + varint(5 << 3 | 5) + struct.pack("<f", 0.25), 0.25),
        (DOUBLE + message(4, struct.pack("<d", 0.1)), 0.1),
        (DOUBLE + message(6, struct.pack("<d", 7)), 7.0),
        (FLOAT + message(4, struct.pack("<2f", 1, 2)), None),
        (FLOAT + message(4, struct.pack("<f", float("nan"))), None),
        (TEXT + message(8, b"text"), None),
        (message(4, b"1234"), None),
    ],
)
def test_tensor_is_read_if_it_is_a_number(tensor: bytes, number: float | None) -> None:
    series = read(event(1, message(1, b"a") + message(9, message(1, b"x")) + message(8, tensor)))
    assert [p.value for s in series for p in s.points] == ([] if number is None else [number])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_value_that_is_no_number_is_left_out(number: float) -> None:
    assert read(event(1, value("a", number), value("b", 2))) == (StepSeries("b", "site-1", (StepPoint(1, 2.0),)),)


def test_truncated_file_is_read_as_far_as_it_goes() -> None:
    whole = b"".join(record(event(step, value("a", step))) for step in range(5))
    for size in range(len(whole)):
        points = [p for s in read_scalars({"events.out.tfevents.1": whole[:size]}) for p in s.points]
        assert [p.step for p in points] == list(range(size // (len(whole) // 5)))


@pytest.mark.parametrize(
    "bad", [b"\xff" * 30, b"", message(5, b"\x0b\x0c"), event(1, b"\xff"), b"\x12\x05ab", bytes(70_000)]
)
def test_damaged_record_is_passed_over(bad: bytes) -> None:
    assert read(bad, event(1, value("a", 2))) == (StepSeries("a", "site-1", (StepPoint(1, 2.0),)),)


def test_long_series_keeps_its_ends() -> None:
    (series,) = read(*(event(step, value("a", step)) for step in range(5000)))
    assert len(series.points) == scalars.MAX_POINTS
    steps = [p.step for p in series.points]
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (0, 4999)
    assert max(b - a for a, b in itertools.pairwise(steps)) <= 6


def test_number_of_series_and_events_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(read(*(event(1, value(f"{n}", 1)) for n in range(300)))) == scalars.MAX_SERIES
    monkeypatch.setattr(scalars, "MAX_EVENTS", 10)
    (series,) = read(*(event(step, value("a", 1)) for step in range(300)))
    assert len(series.points) == 10


def test_many_events_are_read_in_seconds() -> None:
    data = record(event(1, value("a" * 30, 1))) * 100_000
    begin = time.process_time()
    read_scalars({"events.out.tfevents.1": data})
    assert time.process_time() - begin < 5


@settings(max_examples=100)
@given(st.data())
def test_any_bytes_are_survived(data: st.DataObject) -> None:
    content = bytearray((REAL / "tb_events/site-1/events.out.tfevents.1").read_bytes())
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[position] = data.draw(st.integers(0, 255))
    for series in read_scalars({"events.out.tfevents.1": bytes(content)}):
        assert all(isinstance(p, StepPoint) and abs(p.value) < float("inf") for p in series.points)


# evaluation


def test_real_evaluation_is_read() -> None:
    found = read_evaluation((REAL / "cross_val_results.json").read_text())
    assert len(found) == 6
    assert {(e.site, e.model) for e in found} == {
        (site, model) for site in ("site-1", "site-2") for model in ("SRV_server", "site-1", "site-2")
    }
    assert found[0] == Evaluation("site-2", "SRV_server", "accuracy", 6.3921990394592285)


def test_evaluation_keeps_only_numbers() -> None:
    metrics = {
        "accuracy": 0.5,
        "report": {"f1": 1, "classes": {"a": {"recall": 0.25}}, "note": "x"},
        "list": [1, 2],
        "none": None,
        "flag": True,
        "nan": float("nan"),
        "huge": 10**400,
        "x\x1b[1m": 2,
    }
    found = read_evaluation(json.dumps({"site-1": {"GLOBAL_best": metrics, "empty": None, "list": [1]}, "site-2": "x"}))
    assert [(e.metric, e.value) for e in found] == [
        ("accuracy", 0.5),
        ("report/f1", 1.0),
        ("report/classes/a/recall", 0.25),
        ("x\N{REPLACEMENT CHARACTER}[1m", 2.0),
    ]
    assert {(e.site, e.model) for e in found} == {("site-1", "GLOBAL_best")}


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "{", "[" * 100_000, '{"a": ' * 100_000, '{"site": {"m": 1}}'])
def test_text_without_evaluation_has_none(text: str) -> None:
    assert read_evaluation(text) == ()
    assert not read_statistics(text)


def test_number_of_evaluations_is_bounded() -> None:
    many = {f"site-{s}": {f"m-{m}": {"a" * 300: 1} for m in range(100)} for s in range(100)}
    found = read_evaluation(json.dumps(many))
    assert len(found) == evaluation.MAX_EVALUATIONS
    assert len(found[0].metric) == 200


# statistics


def test_real_statistics_are_read() -> None:
    found = read_statistics((REAL / "statistics.json").read_text())
    assert len(found.numbers) == 18
    assert FeatureStatistic("age", "mean", "Global", "train", 54.2433) in found.numbers
    assert [(h.feature, h.site) for h in found.histograms] == [
        (feature, site) for feature in ("age", "weight") for site in ("site-1", "site-2", "Global")
    ]
    assert found.histograms[0].bins[1] == Bin(10.0, 20.0, 6.0)
    assert sum(b.count for b in found.histograms[2].bins) == 600


def test_quantiles_are_numbers_of_their_own() -> None:
    text = json.dumps({"age": {"quantile": {"site-1": {"train": {"0.25": 30, "0.5": 41.5, "0.75": "x"}}}}})
    assert read_statistics(text).numbers == (
        FeatureStatistic("age", "quantile 0.25", "site-1", "train", 30.0),
        FeatureStatistic("age", "quantile 0.5", "site-1", "train", 41.5),
    )


def test_hierarchical_statistics_have_levels() -> None:
    def level(count: int) -> dict[str, Any]:
        return {"count": {"train": {"age": count}}, "histogram": {"train": {"age": [[0, 10, count]]}}}

    sites = [{"Name": "site-1", "Local": level(1)}, {"Name": "site-2", "Local": level(2)}]
    content = {"Global": level(3), "States": [{"Name": "Ontario", "Global": level(3), "Hospitals": sites}, "odd"]}
    found = read_statistics(json.dumps(content))
    expected = [("Global", 3.0), ("Ontario", 3.0), ("site-1", 1.0), ("site-2", 2.0)]
    assert [(n.site, n.value) for n in found.numbers] == expected
    assert {(n.feature, n.statistic, n.dataset) for n in found.numbers} == {("age", "count", "train")}
    assert [(h.site, h.bins) for h in found.histograms] == [(site, (Bin(0.0, 10.0, n),)) for site, n in expected]


def test_many_bins_are_put_together() -> None:
    bins = [[n, n + 1, 2] for n in range(250)]
    (histogram,) = read_statistics(json.dumps({"age": {"histogram": {"s": {"d": bins}}}})).histograms
    assert len(histogram.bins) == 84
    assert (histogram.bins[0], histogram.bins[-1]) == (Bin(0.0, 3.0, 6.0), Bin(249.0, 250.0, 2.0))
    assert sum(b.count for b in histogram.bins) == 500


@pytest.mark.parametrize(
    "bins", [[], [1, 2], [[1, 2]], [[1, 2, None]], [[1, 2, 3], "x"], {"a": 1}, "x", [[1, 2, float("inf")]]]
)
def test_list_that_is_no_histogram_is_left_out(bins: Any) -> None:
    assert read_statistics(json.dumps({"age": {"histogram": {"s": {"d": bins}}}})) == Statistics()


def test_number_of_statistics_is_bounded() -> None:
    content = {f"f{n}": {"mean": {"s": {"d": 1}}, "histogram": {"s": {"d": [[0, 1, 1]]}}} for n in range(25_000)}
    found = read_statistics(json.dumps(content))
    assert (len(found.numbers), len(found.histograms)) == (statistics.MAX_NUMBERS, statistics.MAX_HISTOGRAMS)
    assert isinstance(found.histograms[0], Histogram)


@pytest.mark.parametrize("reader", [read_evaluation, read_statistics])
@settings(max_examples=40)
@given(st.data())
def test_any_json_is_survived(reader: Callable[[str], Any], data: st.DataObject) -> None:
    content = data.draw(st.recursive(JUNK, lambda c: st.dictionaries(st.sampled_from("abc") | st.just("Global"), c)))
    reader(json.dumps(content, default=str))


WRITER = "nvflare.app_common.statistics.json_stats_file_persistor.JsonStatsFileWriter"


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ("statistics/adults_stats.json", "statistics/adults_stats.json"),
        ("./a//b.json", "a/b.json"),
        ("/etc/passwd", None),
        ("../x", None),
        ("a/../../x", None),
        ("a\nb", None),
        (7, None),
    ],
)
def test_path_of_statistics_is_that_of_the_writer(output: Any, path: str | None) -> None:
    other = {"id": "p", "path": "nvflare.X", "args": {"output_path": "no"}}
    config = {"components": ["odd", {}, other, {"path": WRITER, "args": {"output_path": output}}]}
    assert find_statistics_path(config) == path


@pytest.mark.parametrize("config", [{}, {"components": None}, {"components": {}}, {"components": [{"args": 1}]}])
def test_config_without_writer_has_no_path(config: dict[str, Any]) -> None:
    assert find_statistics_path(config) is None


# files

PATHS = {
    "meta.json": "internal",
    "job/app/config/config_fed_server.json": "internal",
    "workspace/.__nvfl_sig.json": "internal",
    "workspace/audit.log": "internal",
    "workspace/stats_pool_summary.json": "internal",
    "workspace/app_server/custom/train.py": "internal",
    "workspace/app_server/custom/__pycache__/train.pyc": "internal",
    "workspace/app_server/config/config_fed_server.conf": "config",
    "workspace/app_server/config/config_fed_client.yml": "config",
    "workspace/app_server/FL_global_model.pt": "model",
    "workspace/app_server/best_FL_global_model.pt": "model",
    "workspace/app_server/xgboost_model.json": "model",
    "workspace/app_server/model_param.joblib": "model",
    "workspace/models/server.npy": "model",
    "workspace/models/weights.npy": "model",
    "workspace/metrics/round_metrics.jsonl": "metrics",
    "workspace/metrics/metrics_summary.json": "metrics",
    "workspace/cross_site_val/cross_val_results.json": "evaluation",
    "workspace/cross_site_val/model_shareables/SRV_server": "copy",
    "workspace/cross_site_val/result_shareables/site-1_site-2": "copy",
    "workspace/statistics/image_stats.json": "statistics",
    "workspace/tb_events/site-1/events.out.tfevents.1": "scalars",
    "workspace/tb_events/site-1/train_metrics_auc/events.out.tfevents.1": "scalars",
    "workspace/mlruns/0/meta.yaml": "tracking",
    "workspace/app_server/mlflow/x/y": "tracking",
    "workspace/log.json": "log",
    "workspace/log.json.12": "log",
    "workspace/log_error.txt": "log",
    "workspace/error_log.txt": "log",
    "workspace/superlink_log.txt": "log",
    "workspace/logistic.json": "output",
    "workspace/event_recorded.txt": "output",
    "workspace/app_server/evaluation_results.json": "output",
    "workspace/model_report.json": "output",
    "workspace/predictions.npy": "output",
}

WANTED = {
    "meta.json",
    "workspace/app_server/config/config_fed_server.conf",
    "workspace/app_server/config/config_fed_client.yml",
    "workspace/metrics/round_metrics.jsonl",
    "workspace/metrics/metrics_summary.json",
    "workspace/cross_site_val/cross_val_results.json",
    "workspace/statistics/image_stats.json",
    "workspace/tb_events/site-1/events.out.tfevents.1",
    "workspace/tb_events/site-1/train_metrics_auc/events.out.tfevents.1",
    "workspace/log.json",
    "workspace/log.json.12",
    "workspace/log_error.txt",
    "workspace/error_log.txt",
    "workspace/superlink_log.txt",
    "workspace/logistic.json",
    "workspace/app_server/evaluation_results.json",
    "workspace/model_report.json",
}


@pytest.mark.parametrize(("path", "kind"), PATHS.items())
def test_kind_of_file_is_told_by_its_path(path: str, kind: str) -> None:
    assert kind_of(path) == kind


def test_statistics_are_where_the_job_writes_them() -> None:
    assert kind_of("workspace/simple/stats.json") == "output"
    assert kind_of("workspace/simple/stats.json", "simple/stats.json") == "statistics"


def test_small_files_are_chosen() -> None:
    selection = Selection()
    assert {path for path in [*PATHS, "workspace/log.txt", "workspace/log_fl.txt"] if selection(path, 1000)} == WANTED
    assert selection.too_large == []


def test_large_files_are_not_chosen() -> None:
    selection = Selection()
    assert [path for path in PATHS if selection(path, 40 << 20)] == []
    assert {f.kind for f in selection.too_large} >= {"log", "metrics", "evaluation", "statistics", "scalars", "config"}
    assert ResultFile("workspace/log.json", 40 << 20, "log") in selection.too_large
    assert {f.kind for f in selection.too_large} & {"model", "output", "copy"} == set()


def test_one_kind_leaves_room_for_the_others() -> None:
    selection = Selection()
    chosen = [n for n in range(100) if selection(f"workspace/tb_events/site-{n}/events.out.tfevents.1", 1 << 20)]
    assert chosen == list(range(6))
    assert len(selection.too_large) == 94
    assert selection("workspace/metrics/round_metrics.jsonl", 1 << 20)
    assert sum(files._MAX_BYTES.values()) <= bounds.MAX_KEPT_BYTES


def test_files_are_listed_by_kind_and_path() -> None:
    sizes = [("workspace/log.json", 3), ("workspace/models/b.npy", 2), ("workspace/models/a\x1b.npy", 1)]
    assert list_files(sizes) == (
        ResultFile("workspace/models/a\N{REPLACEMENT CHARACTER}.npy", 1, "model"),
        ResultFile("workspace/models/b.npy", 2, "model"),
        ResultFile("workspace/log.json", 3, "log"),
    )
    assert len(list_files((f"workspace/{n}", n) for n in range(10_000))) == files.MAX_LISTED


def test_rotated_log_is_read_from_the_oldest_part() -> None:
    parts = ["workspace/log.json", "workspace/log.json.1", "workspace/log.json.10", "workspace/log.json.2"]
    ordered = [parts[2], parts[3], parts[1], parts[0]]
    assert sorted(parts, key=files.rotation_order) == ordered


@pytest.mark.parametrize(
    "path", ["workspace/" + "model" * 200, "workspace/" + "log_" * 250, "a/" * 500, "workspace/" + "mlruns" * 160]
)
def test_hostile_path_costs_little(path: str) -> None:
    begin = time.process_time()
    for _ in range(1000):
        kind_of(path)
    assert time.process_time() - begin < 1


# the whole of it

CONFIG = """
components = [{path = "nvflare.app_common.statistics.json_stats_file_persistor.JsonStatsFileWriter"
               args {output_path = "simple/stats.json"}}]
workflows = [{id = sag, args {num_rounds = "{rounds}"}}]
rounds = 3
"""

CONTENT: dict[str, str] = {
    "meta.json": "{}",
    "workspace/app_server/config/config_fed_server.conf": CONFIG,
    "workspace/log.json": "newest\n",
    "workspace/log.json.1": "newer\n",
    "workspace/log.json.10": "oldest\n",
    "workspace/superlink_log.txt": "flower",
    "workspace/metrics/round_metrics.jsonl": '{"round": 0}',
    "workspace/metrics/metrics_summary.json": '{"best_round": 1}',
    "workspace/simple/stats.json": (REAL / "statistics.json").read_text(),
    "workspace/other/stats.json": '{"other": {"mean": {"site-1": {"train": 1}}}}',
    "workspace/cross_site_val/cross_val_results.json": (REAL / "cross_val_results.json").read_text(),
}


def result_of(content: dict[str, bytes], **more: Any) -> JobResult:
    skipped = (SkippedFile("workspace/models/server.npy", 40 << 20), SkippedFile("job/app/x", 1))
    return parse_job_result(ResultFiles(content, skipped, 2, **more), ())


def test_result_is_taken_apart() -> None:
    result = result_of({path: text.encode() for path, text in CONTENT.items()} | event_files(REAL))
    assert (result.config_text, result.config_suffix) == (CONFIG, ".conf")
    assert result.config is not None
    assert result.config["workflows"][0]["args"]["num_rounds"] == 3
    assert result.log == (b"oldest\n", b"newer\n", b"newest\n")
    assert result.other_logs == {"superlink_log.txt": "flower"}
    assert result.round_metrics == '{"round": 0}'
    assert result.metrics_summary == '{"best_round": 1}'
    assert {s.name for s in result.scalars} >= {"train_loss"}
    assert len(result.evaluations) == 6
    assert len(result.statistics.numbers) == 18
    assert result.files[0] == ResultFile("workspace/models/server.npy", 40 << 20, "model")
    assert {f.path for f in result.files if f.kind == "statistics"} == {"workspace/simple/stats.json"}
    assert not [f for f in result.files if f.path.startswith(("job/", "meta"))]
    assert result.reason == ""


@pytest.mark.parametrize("config", [b"", b"\xff", b"{", b"include file('/etc/passwd')", b"[" * 100_000])
def test_unreadable_config_costs_only_itself(config: bytes) -> None:
    content = {"workspace/app_server/config/config_fed_server.conf": config, "workspace/log.json": b"a\xffb"}
    result = result_of(content)
    assert result.config in (None, {})
    assert result.config_text == config.decode("utf-8", "replace")
    assert result.log == (b"a\xffb",)


def client_config(line: str) -> bytes:
    return json.dumps({"executors": [{"executor": {"args": {"task_script_args": line}}}]}).encode()


def test_arguments_are_those_of_the_first_script() -> None:
    configs = {
        "job/hello/app_b/config/config_fed_client.json": client_config("--rate 3"),
        "job/hello/app_a/config/config_fed_client.json": client_config("--rate 2"),
        "job/hello/app_0/config/config_fed_client.conf": b"{",
    }
    assert all(map(Selection(), configs, map(len, configs.values())))

    def arguments(content: dict[str, bytes]) -> list[tuple[str, str]]:
        updates = read_stored_config(result_of(content), None)
        return [(u.name, u.value) for u in updates if isinstance(u, Argument)]

    assert arguments(configs) == [("rate", "2")]
    of_server = {"workspace/app_server/config/config_fed_client.json": client_config("--rate 1 --fast")}
    assert arguments(configs | of_server) == [("rate", "1"), ("fast", "true")]


def test_configurations_of_many_sites_cost_little() -> None:
    selection = Selection()
    paths = [f"job/x/app_{n}/config/config_fed_client.json" for n in range(1000)]
    assert 3 <= len([path for path in paths if selection(path, 4000)]) < 100
    assert selection.too_large == []
    assert not selection("job/x/app_1/custom/config_fed_client.json", 10)
    content = dict.fromkeys(paths[:50], client_config("--rate 1"))
    assert len(result_of(content).sites_configs) == 3


def test_empty_result_says_so() -> None:
    assert parse_job_result(ResultFiles({})) == JobResult()


def test_missing_parts_are_told() -> None:
    large = [ResultFile(f"workspace/log.json.{n}", 40_000_000, "log") for n in range(5)]
    result = parse_job_result(ResultFiles({}, reason="not all of the result arrived within 20 s"), large)
    assert result.reason == (
        "not all of the result arrived within 20 s; too large to be read here: workspace/log.json.0 (40.0 MB), "
        "workspace/log.json.1 (40.0 MB), workspace/log.json.2 (40.0 MB) and 2 more"
    )


def test_result_is_fetched_by_its_selection() -> None:
    class Session(Fake):
        def read_result_files(self, job_id: str, wanted: Any, *, archives: Any, timeout: float) -> ResultFiles:
            assert (job_id, archives, timeout) == ("job-1", ("workspace", "job"), 7.0)
            assert wanted("workspace/error_log.txt", 10)
            assert not wanted("workspace/log.json", 1 << 30)
            return ResultFiles({"workspace/error_log.txt": b"error"})

    result = fetch_job_result(Session(), "job-1", 7.0)
    assert result.other_logs == {"error_log.txt": "error"}
    assert result.reason == "too large to be read here: workspace/log.json (1.1 GB)"
