"""The view of a downloaded result: whatever is in it is shown as text, and nothing of it runs."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from IPython.lib.pretty import pretty
from test_result_folder import result, write
from waiting import wait_until

from flare_widgets.monitoring.results.files import ResultFile
from flare_widgets.monitoring.results.statistics import Bin, Histogram
from flare_widgets.results import Result
from flare_widgets.results.folder import LISTING
from flare_widgets.views.core.html import MAX_FORM_BYTES
from flare_widgets.views.results.histogram import draw_histogram
from flare_widgets.views.results.view import LiveResultView, ResultView
from flare_widgets.views.results.view_model import build_file_tree, build_histograms, read_outputs

__all__ = ["result"]  # the fixture

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202egnp"


def test_everything_in_a_result_is_shown(result: Result) -> None:
    html = ResultView(result.path)._repr_html_()
    for words in (
        "scatter-and-gather",
        "batch = 16, fast = true, low = -1, rate = 0.5",
        "models/server.npy",
        "2 × 3 float64",
        "numpy.load(",
        "accuracy by round",
        "Evaluation: ",
        "--flw-shade: 50%",
        "Statistics of all sites",
        'class="flw-histogram"',
        "report.txt",
    ):
        assert words in html, words
    assert len(html) < 60_000


def test_text_form_names_what_to_call(result: Result) -> None:
    text = pretty(ResultView(result.path))
    assert "numpy.load(" in text
    assert ".cross_site" in text
    assert ".to_frame()" in text


def test_path_in_line_is_relative_to_working_folder(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(result.path)
    rows = LiveResultView(result).contents["models"]
    (line,) = [row["load_line"] for row in rows if row["name"] == "models/server.npy"]
    assert line == "numpy.load('workspace/models/server.npy')"


def test_hostile_result_is_text(tmp_path: Path) -> None:
    name = "x'><script>alert(3)</script>.pkl"
    write(
        tmp_path,
        {
            "meta.json": json.dumps({"name": HOSTILE, "job_id": HOSTILE}),
            "workspace/log.json": "",
            f"workspace/models/{name.replace('/', '')}": pickle.dumps(1),
            "workspace/out.json": json.dumps({HOSTILE: HOSTILE}),
            "job/app/config/config_fed_client.json": json.dumps({"task_script_args": f"--{HOSTILE} {HOSTILE}"}),
            "workspace/cross_site_val/cross_val_results.json": json.dumps({HOSTILE: {HOSTILE: {HOSTILE: 1}}}),
        },
    )
    view = ResultView(tmp_path)
    for form in (view._repr_html_(), pretty(view), repr(view)):
        assert "\x1b" not in form
        assert "\u202e" not in form
    html = view._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "runs code that its author chose" in html


def test_result_without_model_says_where_it_is(tmp_path: Path) -> None:
    config = {"workflows": [{"id": "swarm", "path": "nvflare.app_common.ccwf.SwarmServerController", "args": {}}]}
    write(tmp_path, {"workspace/app_server/config/config_fed_server.json": json.dumps(config)})
    html = ResultView(tmp_path)._repr_html_()
    assert "There is no model in this result" in html
    assert "best_global_model.npy" in html


@pytest.mark.parametrize("bins", [[Bin(0, 0, 0)], [Bin(0, 1, -5), Bin(1, 2, 3)], [Bin(-1e300, 1e300, 1)]])
def test_any_histogram_is_drawn(bins: list[Bin]) -> None:
    assert draw_histogram(bins, '"><script>').count("<rect") == len(bins)
    assert "<script>" not in draw_histogram(bins, '"><script>')


def test_histograms_of_all_sites_come_first() -> None:
    found = [Histogram(f"f{n}", site, "train", (Bin(0, 1, 2),)) for n in range(14) for site in ("site-1", "Global")]
    features, more = build_histograms(found)
    assert [label for label, _ in features[0].pictures] == ["all sites", "site-1"]
    assert (len(features), more) == (12, 2)


@pytest.mark.parametrize("content", ["[" * 100_000, "no JSON", "[" + "1," * 30_000 + "1]"])
def test_output_that_cannot_be_unfolded_is_left_out(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, {"out.json": content}) / "out.json"
    assert read_outputs({"out.json": path, "gone.json": tmp_path / "gone.json"}) == ()


def send(view: LiveResultView, **message: Any) -> None:
    view._handle_custom_msg(message, [])


def test_live_view_has_what_the_result_has(result: Result) -> None:
    view = LiveResultView(result)
    sent = json.loads(json.dumps(view.get_state()["contents"]))
    assert [model["name"] for model in sent["models"]] == [model.name for model in result.models]
    assert sent["arguments"] == ["batch = 16", "fast = true", "low = -1", "rate = 0.5"]
    assert {folder["name"] for folder in sent["tree"]["folders"]} >= {"models", "tb_events"}
    assert sent["histograms"][0]["histograms"][0]["label"] == "all sites"
    assert view.evaluation[0]["rows"][0]["shades"]
    assert view.statistics[0]["title"] == "all sites"
    assert view.metrics
    assert len(json.dumps({name: view.get_state()[name] for name in ("contents", "metrics", "evaluation")})) < 300_000


def test_hostile_result_is_text_in_live_view(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "meta.json": json.dumps({"name": HOSTILE, "job_id": HOSTILE}),
            "workspace/out.json": json.dumps({HOSTILE: HOSTILE}),
            "workspace/\x1b[31m\u202e.txt": "",
            "workspace/statistics/s.json": json.dumps({HOSTILE: {"histogram": {HOSTILE: {HOSTILE: [[0, 1, 5]]}}}}),
            "workspace/cross_site_val/cross_val_results.json": json.dumps({HOSTILE: {HOSTILE: {HOSTILE: 1}}}),
        },
    )
    state = LiveResultView(Result(tmp_path)).get_state()
    text = json.dumps({name: state[name] for name in ("contents", "heading", "evaluation")}, ensure_ascii=False)
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_missing_file_is_downloaded_by_button(tmp_path: Path) -> None:
    write(tmp_path, {"workspace/log.txt": "x", LISTING: json.dumps({"workspace/models/model.npy": 5_000})})
    asked: list[str] = []

    def fetch(path: str, progress: Any) -> Path:
        asked.append(path)
        assert progress(1_000, 0)
        return write(tmp_path, {path: "not an array"}) / path

    result = ResultView(tmp_path, fetch=fetch)
    view = LiveResultView(result)
    (model,) = view.contents["models"]
    assert (model["action"], model["load_line"]) == ("fetch models/model.npy", "")
    assert "still on the server" in pretty(result)
    assert view.file_actions == {"actions": [], "disabled_reason": ""}
    send(view, kind="start", action="fetch workspace/../../etc/passwd")
    send(view, kind="start", action=model["action"])
    wait_until(lambda: not result.missing and view.contents["models"][0]["load_line"])
    assert asked == ["workspace/models/model.npy"]
    assert view.contents["models"][0]["action"] == ""
    wait_until(lambda: view.file_actions["actions"][0]["state"] == "done")


def test_failed_download_says_why(tmp_path: Path) -> None:
    write(tmp_path, {"workspace/log.txt": "x", LISTING: json.dumps({"workspace/big.bin": 5_000})})
    view = LiveResultView(Result(tmp_path))
    send(view, kind="start", action="fetch big.bin")
    wait_until(lambda: view.file_actions["actions"] and view.file_actions["actions"][0]["state"] == "failed")
    assert "not on this machine" in view.file_actions["actions"][0]["message"]


def test_tree_is_bounded_and_counts_the_rest() -> None:
    files = [ResultFile(f"workspace/{'/'.join(['d'] * 30)}/{n}.txt", 1, "output") for n in range(600)]
    tree = build_file_tree(files, (), {})
    assert tree.summary == "400 files, 400 B, and 200 more files"
    depth, node = 0, tree
    while node.folders:
        (node,) = node.folders
        depth += 1
    assert (depth, len(node.files)) == (8, 400)


def test_long_result_is_shortened_for_notebook(tmp_path: Path) -> None:
    features = {
        f"feature {n}": {"histogram": {"Global": {"train": [[b, b + 1, b] for b in range(60)]}}} for n in range(12)
    }
    outputs = {f"workspace/out{n}.json": json.dumps(["x" * 50] * 300) for n in range(5)}
    write(tmp_path, {"workspace/statistics/s.json": json.dumps(features), **outputs})
    html = ResultView(tmp_path)._repr_html_()
    assert len(html) <= MAX_FORM_BYTES
    assert "Shortened to keep the notebook small" in html
