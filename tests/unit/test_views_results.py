"""The view of a downloaded result: whatever is in it is shown as text, and nothing of it runs."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from IPython.lib.pretty import pretty
from test_result_folder import result, write
from waiting import wait_until

from flare_widgets.monitoring.results.files import ResultFile
from flare_widgets.monitoring.results.statistics import Bin, FeatureStatistic, Histogram, Statistics
from flare_widgets.results import Result
from flare_widgets.results.folder import LISTING
from flare_widgets.views.core.html import MAX_FORM_BYTES
from flare_widgets.views.results.histogram import draw_histogram, write_histogram
from flare_widgets.views.results.view import LiveResultView, ResultView, result_html
from flare_widgets.views.results.view_model import (
    build_file_tree,
    build_histograms,
    build_statistics_by_site,
    read_outputs,
)

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
        "<caption>all sites</caption>",
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
    for is_compact in (False, True):
        drawn = ElementTree.fromstring(draw_histogram(bins, '"><script>', is_compact=is_compact))
        assert drawn.get("aria-label") == '"><script>'
        assert "nan" not in str(drawn.attrib)
    # The outline has a piece for each bar that is not empty.
    assert str(draw_histogram(bins, "", is_compact=True)).count("v-") == sum(each.count > 0 for each in bins)


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


def write_files(folder: Path, count: int = 0) -> ResultView:
    many = {f"workspace/z/{n:04}.txt": "" for n in range(count)}
    found = {"a/b/out.json": '{"rate":[1,2]}', "a/long.json": json.dumps([0] * 50), "notes.txt": "x" * 2000}
    return ResultView(write(folder, {**{f"workspace/{name}": text for name, text in found.items()}, **many}))


def read_tree(element: ElementTree.Element) -> dict[str, Any]:
    """Return a list of files as a dict: of a folder what is in it, of a file its size, and its content if shown."""
    found: dict[str, Any] = {}
    for item in element.findall("li"):
        fold = item.find("details")
        head = item if fold is None else fold.find("summary")
        assert head is not None
        name = (head.text or "").strip() or head.findtext("code", "")
        below, text = (None, None) if fold is None else (fold.find("ul"), fold.findtext("pre/code"))
        facts = head.findtext("span", "")
        found[name] = facts if text is None and below is None else (facts, text) if below is None else read_tree(below)
    return found


def find_tree(html: str) -> ElementTree.Element:
    begin = html.index("<ul", html.index("<summary>Files"))
    return ElementTree.fromstring(html[begin : html.rindex("</ul>") + len("</ul>")])


def test_static_form_has_files_as_tree(tmp_path: Path) -> None:
    html = write_files(tmp_path)._repr_html_()
    tree = read_tree(find_tree(html))
    by_job = "written by the job's code"
    assert tree.keys() == {"a/", "notes.txt"}
    assert tree["notes.txt"] == f"2.0 kB, {by_job}"
    assert tree["a/"]["b/"] == {"out.json": (f"14 B, {by_job}", '{\n  "rate": [\n    1,\n    2\n  ]\n}')}
    assert "Files <span" in html
    assert "3 files, 2.2 kB" in html


def test_text_form_has_files_as_tree(tmp_path: Path) -> None:
    lines = pretty(write_files(tmp_path)).splitlines()
    begin = lines.index("  files       3 files, 2.2 kB")
    assert lines[begin + 1 : begin + 10] == [
        "    a/  2 files, 164 B",
        "      b/  1 file, 14 B",
        "        out.json  14 B, written by the job's code",
        "          {",
        '            "rate": [',
        "              1,",
        "              2",
        "            ]",
        "          }",
    ]
    assert lines[begin + 10].startswith("      long.json  150 B")
    assert lines[-2:] == ["        …", "    notes.txt  2.0 kB, written by the job's code"]


def test_tree_of_many_files_is_bounded_in_static_and_text_form(tmp_path: Path) -> None:
    view = write_files(tmp_path, 200)
    html, text = view._repr_html_(), pretty(view)
    assert html.count("<li>") == 100 + len(("a", "b", "z"))
    assert ", and 103 more files" in html
    assert ", and 173 more files" in text
    assert text.count(".txt  ") + text.count(".json  ") == 30
    assert ", and " not in result_html(view, is_whole=True)


def test_hostile_names_in_tree_are_text(tmp_path: Path) -> None:
    name = "<img src=x>'\"&"
    content = json.dumps({"</code><script>": 1})
    write(tmp_path, {f"workspace/{name}/{name}.json": content, f"workspace/\x1b[31m{name}\u202e.txt": ""})
    view = ResultView(tmp_path)
    for form in (view._repr_html_(), result_html(view, is_whole=True)):
        tree = read_tree(find_tree(form))
        ((_, text),) = tree.pop(f"{name}/").values()
        assert "</code><script>" in text
        assert [name in other for other in tree] == [True]
    for form in (view._repr_html_(), pretty(view)):
        assert "\x1b" not in form
        assert "\u202e" not in form


def test_long_result_is_shortened_for_notebook(tmp_path: Path) -> None:
    features = {
        f"feature {n}": {"histogram": {"Global": {"train": [[b, b + 1, b] for b in range(60)]}}} for n in range(12)
    }
    outputs = {f"workspace/out{n}.json": json.dumps(["x" * 50] * 300) for n in range(5)}
    write(tmp_path, {"workspace/statistics/s.json": json.dumps(features), **outputs})
    html = ResultView(tmp_path)._repr_html_()
    assert len(html) <= MAX_FORM_BYTES
    assert "Shortened to keep the notebook small" in html


def write_statistics(folder: Path, sites: Sequence[str] = ("Global", "site-1"), features: int = 2) -> Path:
    found = {
        f"feature {n}": {
            "count": {site: {"train": 100 + i} for i, site in enumerate(sites)},
            "mean": {site: {"train": 0.5 + i} for i, site in enumerate(sites)},
            "histogram": {site: {"train": [[0, 1, 10], [1, 2, 5 * i], [2, 3, 0]]} for i, site in enumerate(sites)},
        }
        for n in range(features)
    }
    return write(folder, {"workspace/statistics/s.json": json.dumps(found)})


def test_text_has_statistics_and_histograms_of_each_site(tmp_path: Path) -> None:
    write_statistics(tmp_path)
    shown = pretty(ResultView(tmp_path)).splitlines()
    begin = shown.index("  statistics  8 numbers: .statistics")
    assert [line.split() for line in shown[begin + 1 : begin + 7]] == [
        ["all", "sites", "count", "mean"],
        ["feature", "0", "100", "0.500", "0", "█", "3"],
        ["feature", "1", "100", "0.500", "0", "█", "3"],
        ["site-1", "count", "mean"],
        ["feature", "0", "101", "1.500", "0", "█▅", "3"],
        ["feature", "1", "101", "1.500", "0", "█▅", "3"],
    ]


def test_static_form_has_table_with_histograms_of_each_site(tmp_path: Path) -> None:
    write_statistics(tmp_path)
    html = ResultView(tmp_path)._repr_html_()
    before, after = html.split("<summary>site-1</summary>")
    assert "<caption>all sites</caption>" in before
    for part, site in ((before, "all sites"), (after, "site-1")):
        assert part.count("<svg") == 2
        assert f'aria-label="feature 1, {site}"' in part
    assert "<h4>Histograms</h4>" not in html


def test_statistics_of_many_sites_are_bounded(tmp_path: Path) -> None:
    write_statistics(tmp_path, ["Global", *(f"site-{n}" for n in range(30))], features=40)
    shown = pretty(ResultView(tmp_path))
    assert "... and 15 more sites" in shown
    assert shown.count("... and 20 more") == 5
    assert len(ResultView(tmp_path)._repr_html_()) <= MAX_FORM_BYTES


def test_histograms_without_numbers_are_shown_apart() -> None:
    histogram = Histogram("age", "site-1", "train", (Bin(0, 1, 2),))
    assert build_statistics_by_site(Statistics((), (histogram,))) == ((), [histogram])


def test_row_has_histogram_of_its_dataset() -> None:
    numbers = tuple(FeatureStatistic("age", "count", "Global", dataset, 5.0) for dataset in ("train", "test"))
    histograms = tuple(Histogram("age", "Global", name, (Bin(0, 1, n),)) for n, name in enumerate(("train", "test"), 1))
    (table,), others = build_statistics_by_site(Statistics(numbers, histograms))
    assert [row.name for row in table.table.rows] == ["age (train)", "age (test)"]
    assert (table.histograms, others) == (histograms, [])
    (undrawn,), _ = build_statistics_by_site(Statistics(numbers, histograms), 0)
    assert (len(table.pictures), undrawn.pictures) == (2, [])


@pytest.mark.parametrize(
    ("counts", "line"),
    [([0, 0], "0    2"), ([-5, 3], "0  █ 2"), ([1e300, 1], "0 █▁ 2"), ([1] * 1000, f"0 {'█' * 20} 1000")],
)
def test_histogram_is_line_of_text(counts: list[float], line: str) -> None:
    assert write_histogram([Bin(n, n + 1, count) for n, count in enumerate(counts)]) == line
