"""The view of a downloaded result: whatever is in it is shown as text, and nothing of it runs."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from IPython.lib.pretty import pretty
from test_result_folder import result, write

from flare_widgets.monitoring.results.statistics import Bin, Histogram
from flare_widgets.results import Result
from flare_widgets.views.results.histogram import draw_histogram
from flare_widgets.views.results.view import ResultView
from flare_widgets.views.results.view_model import build_histograms, build_model_rows, read_outputs

__all__ = ["result"]  # the fixture

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202egnp"


def test_everything_in_a_result_is_shown(result: Result) -> None:
    html = ResultView(result.path)._repr_html_()
    for words in (
        "scatter-and-gather",
        "rate = 0.5, batch = 16",
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
    (line,) = [row.load_line for row in build_model_rows(result.models, result.path) if row.name == "models/server.npy"]
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
