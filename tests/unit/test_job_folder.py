"""Problems of a job folder, found before it is sent; nvflare's own validator is the oracle."""

from __future__ import annotations

import importlib.util
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from nvflare.private.fed.server.job_meta_validator import JobMetaValidator

from flare_widgets.api.session_methods.submit import missing_package_hint
from flare_widgets.api.transfer import job_folder
from flare_widgets.api.transfer.job_folder import find_problems, is_job_folder, read_job_folder, read_server_config
from flare_widgets.errors import InternalError

GOOD: dict[str, Any] = {"name": "hello", "resource_spec": {}, "min_clients": 1, "deploy_map": {"app": ["@ALL"]}}


def make(root: Path, meta: Any = None, *, apps: tuple[str, ...] = ("app",), name: str = "job", **files: str) -> Path:
    folder = root / name
    for app in apps:
        (folder / app / "config").mkdir(parents=True)
        for side in ("server", "client"):
            (folder / app / "config" / f"config_fed_{side}.json").write_text("{}")
    folder.mkdir(exist_ok=True)
    (folder / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(GOOD if meta is None else meta))
    return folder


def errors(folder: Path, connected: tuple[str, ...] | None = None) -> list[str]:
    return [p.message for p in find_problems(read_job_folder(folder), connected) if p.severity == "error"]


def warnings(folder: Path, connected: tuple[str, ...] | None = None) -> list[str]:
    return [p.message for p in find_problems(read_job_folder(folder), connected) if p.severity == "warning"]


def refused_by_nvflare(folder: Path) -> str:
    """Return the reason of nvflare's server to refuse the folder; empty if it would not."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in [folder, *sorted(folder.rglob("*"))]:
            archive.write(path, path.relative_to(folder.parent))
    try:
        valid, why, _ = JobMetaValidator().validate(folder.name, buffer.getvalue())
    except Exception as e:
        return f"{type(e).__name__}: {e}"
    return "" if valid else why


def with_map(deploy_map: Any, **meta: Any) -> dict[str, Any]:
    return {**GOOD, "deploy_map": deploy_map, **meta}


ACCEPTED: dict[str, Any] = {
    "everywhere": GOOD,
    "in small letters": with_map({"app": ["@all"]}),
    "a name alone": with_map({"app": "@ALL"}),
    "named sites": with_map({"app": ["server", "site-1", "site-2"]}),
    "targets": with_map({"app": {"targets": ["server", "site-1"]}}),
    "sites": with_map({"app": {"sites": ["server", "site-1"]}}),
    "a list with maps": with_map({"app": [{"sites": ["server"]}, "site-1", {"targets": ["site-2"]}]}),
    "without min_clients": {"name": "hello", "deploy_map": {"app": ["@ALL"]}},
    "min_clients as text": {**GOOD, "min_clients": "2"},
    "mandatory everywhere": {**GOOD, "mandatory_clients": ["site-1"]},
    "mandatory": with_map({"app": ["server", "site-1"]}, mandatory_clients=["site-1"]),
    "no name": {"deploy_map": {"app": ["@ALL"]}},
}

REFUSED: dict[str, tuple[Any, str]] = {
    "not JSON": (
        '{"name": "x",\n "deploy_map": }',
        "meta.json is not valid JSON: Expecting value in line 2, column 16",
    ),
    "no map": ("[1, 2]", "meta.json must contain a map"),
    "empty": ("{}", "meta.json has no deploy_map"),
    "no deploy_map": ({"name": "x"}, "meta.json has no deploy_map"),
    "an empty deploy_map": (with_map({}), "meta.json has no deploy_map"),
    "a deploy_map that is none": (with_map(["app"]), "meta.json has no deploy_map"),
    "no sites": (with_map({"app": []}), "the deploy_map names no site"),
    "sites that are none": (with_map({"app": 3}), "the deploy_map must give a list of sites for app 'app'"),
    "lists in lists": (with_map({"app": [["@ALL"]]}), "the deploy_map must give a list of sites for app 'app'"),
    "a map without sites": (with_map({"app": {"places": ["x"]}}), "the deploy_map must give a list of sites"),
    "@ALL and others": (with_map({"app": ["@ALL", "site-1"]}), "@ALL must stand alone"),
    "no server": (with_map({"app": ["site-1"]}), "no app for the server"),
    "a site twice": (with_map({"app": ["server", "site-1", "site-1"]}), "more than one app goes to site-1"),
    "an app that does not exist": (with_map({"other": ["@ALL"]}), "app 'other' in the deploy_map does not exist"),
    "min_clients 0": ({**GOOD, "min_clients": 0}, "min_clients is 0: it must be a number >= 1"),
    "min_clients no number": ({**GOOD, "min_clients": "two"}, "min_clients is 'two'"),
    "min_clients a list": ({**GOOD, "min_clients": [2]}, "min_clients is [2]"),
    "min_clients too many": ({**GOOD, "min_clients": 1_000_001}, "min_clients is 1000001"),
    "more clients than named": (
        with_map({"app": ["server", "site-1"]}, min_clients=2),
        "min_clients is 2, but the deploy_map has only 1 site",
    ),
    "mandatory not deployed": (
        with_map({"app": ["server", "site-1"]}, mandatory_clients=["site-9"]),
        "mandatory_clients lists site-9, but the deploy_map does not",
    ),
    "resource_spec": ({**GOOD, "resource_spec": [1]}, "resource_spec must be a map"),
}


@pytest.mark.parametrize("meta", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted_meta_is_not_reported_wrong(tmp_path: Path, meta: Any) -> None:
    folder = make(tmp_path, meta)
    assert refused_by_nvflare(folder) == ""
    assert errors(folder) == []


@pytest.mark.parametrize(("meta", "words"), REFUSED.values(), ids=REFUSED)
def test_what_server_refuses_is_said_before(tmp_path: Path, meta: Any, words: str) -> None:
    folder = make(tmp_path, meta)
    assert refused_by_nvflare(folder) != ""
    found = errors(folder)
    assert found, "the server would refuse it, and nobody says so"
    assert words in found[0]


@pytest.mark.parametrize("side", ["server", "client"])
def test_configuration_that_is_missing(tmp_path: Path, side: str) -> None:
    folder = make(tmp_path)
    config = folder / "app" / "config" / f"config_fed_{side}.json"
    config.rename(config.with_suffix(".yml"))
    if side == "client":  # the server's, nvflare reads too
        assert refused_by_nvflare(folder) == ""
    assert errors(folder) == []
    config.with_suffix(".yml").unlink()
    assert refused_by_nvflare(folder) != ""
    (words,) = errors(folder)
    assert words.endswith(f"but has no config/config_fed_{side}.json")


def test_server_only_app_without_client_accepted(tmp_path: Path) -> None:
    folder = make(tmp_path, with_map({"app": ["server"], "other": ["site-1"]}), apps=("app", "other"))
    (folder / "app/config/config_fed_client.json").unlink()
    (folder / "other/config/config_fed_server.json").unlink()
    assert refused_by_nvflare(folder) == ""
    assert errors(folder) == []


def test_what_will_be_sent(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / "app" / "custom").mkdir()
    (folder / "app" / "custom" / "train.py").write_text("x" * 1000)
    job = read_job_folder(folder)
    assert [f.name for f in job.files] == [
        "app/config/config_fed_client.json",
        "app/config/config_fed_server.json",
        "app/custom/train.py",
        "meta.json",
    ]
    assert job.count == 4
    assert job.size == sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    assert job.largest is not None
    assert (job.largest.name, job.largest.size) == ("app/custom/train.py", 1000)
    assert (job.name, job.min_clients, job.apps[0].custom) == ("hello", 1, True)
    assert json.loads(json.dumps(job.to_json()))["apps"][0]["sites"] == ["@ALL"]


def test_what_is_no_job_says_so(tmp_path: Path) -> None:
    assert "has no meta.json" in errors(tmp_path)[0]
    assert "does not exist" in errors(tmp_path / "nothing")[0]
    spaced = make(tmp_path, name="my job")
    assert "the job folder's name 'my job' is not permitted" in errors(spaced)[0]
    linked = make(tmp_path, name="linked")
    (linked / "app" / "data").symlink_to(tmp_path)
    assert "is a symbolic link" in errors(linked)[0]
    assert not is_job_folder(tmp_path)
    assert is_job_folder(linked)


def test_unreadable_file_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path)

    def refuse(*_: Any, **__: Any) -> str:
        raise PermissionError(13, "Permission denied", "meta.json")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert errors(folder) == ["meta.json cannot be read: Permission denied"]


HOCON_META = """
name = hello  // the job
min_clients = 2
deploy_map { app = ["@ALL"] }
"""
YAML_META = "name: hello\nmin_clients: 2\ndeploy_map:\n  app: ['@ALL']\n"


@pytest.mark.parametrize(
    ("file", "text"), [("meta.conf", HOCON_META), ("meta.yml", YAML_META), ("meta.yaml", YAML_META)]
)
def test_meta_in_other_format_is_checked(tmp_path: Path, file: str, text: str) -> None:
    folder = make(tmp_path)
    (folder / "meta.json").unlink()
    (folder / file).write_text(text)
    is_yaml = file != "meta.conf"
    readable_by_nvflare = not is_yaml or importlib.util.find_spec("omegaconf") is not None
    assert errors(folder) == []
    assert [message.partition(";")[0] for message in warnings(folder)] == (
        [f"{file} needs the package omegaconf at the server"] if is_yaml else []
    )
    assert (refused_by_nvflare(folder) == "") == readable_by_nvflare
    assert (read_job_folder(folder).name, read_job_folder(folder).min_clients) == ("hello", 2)
    (folder / file).write_text(text.replace("2", "0"))
    assert errors(folder) == ["min_clients is 0: it must be a number >= 1"]
    assert refused_by_nvflare(folder) != ""
    (folder / file).write_text(text.replace("hello", "[["))
    assert [message.partition(": ")[0] for message in errors(folder)] == [f"{file} cannot be read"]


def test_meta_that_includes_files_is_left_to_server(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / "meta.json").unlink()
    (folder / "meta.conf").write_text('include "/etc/hostname"\n' + HOCON_META)
    assert errors(folder) == []
    assert warnings(folder) == [
        "meta.conf can only be checked by the server: it includes other files, which are not read here"
    ]


def test_sites_that_are_not_there(tmp_path: Path) -> None:
    folder = make(tmp_path, with_map({"app": ["server", "site-1", "site-9"]}, min_clients=2))
    assert warnings(folder) == []
    assert warnings(folder, ("site-1", "site-9")) == []
    assert warnings(folder, ("site-1", "site-2")) == [
        "site-9 is not connected, or not known to the server",
        "requires at least 2 sites, and 1 of its sites is connected: it will wait",
    ]
    everywhere = make(tmp_path, {**GOOD, "min_clients": 3, "mandatory_clients": ["site-3"]}, name="everywhere")
    assert warnings(everywhere, ("site-1", "site-2")) == [
        "site-3 is not connected, or not known to the server",
        "requires at least 3 sites, and 2 of its sites are connected: it will wait",
    ]


def test_large_files_and_leftovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_folder, "MAX_TOKEN_FILE_BYTES", 1000)
    monkeypatch.setattr(job_folder, "_LARGE_JOB_BYTES", 1500)
    folder = make(tmp_path)
    (folder / "app" / "__pycache__").mkdir()
    (folder / "app" / "__pycache__" / "x.pyc").write_text("x" * 600)
    (folder / "weights.bin").write_text("x" * 1001)
    found = warnings(folder)
    assert found[0] == "__pycache__ is part of the job (600 B): remove what the job does not need"
    assert found[1].startswith("weights.bin is 1.0 kB. A job with a file of more than 10 MiB is sent without")
    assert found[2].endswith("are sent to the server, and from there to each site")


def test_app_that_goes_nowhere(tmp_path: Path) -> None:
    folder = make(tmp_path, apps=("app", "forgotten"))
    assert warnings(folder) == ["forgotten: looks like an app but is not deployed to any site"]


def test_hostile_words_are_cleaned(tmp_path: Path) -> None:
    evil = "<b>\x1b[31m\u202e"
    folder = make(tmp_path, with_map({evil: [evil, "server"]}, min_clients=evil, mandatory_clients=[evil + "2", 3]))
    for problem in find_problems(read_job_folder(folder), ()):
        assert "\x1b" not in problem.message
        assert "\u202e" not in problem.message


def test_deeply_nested_meta_is_one_error(tmp_path: Path) -> None:
    assert len(errors(make(tmp_path, "[" * 100_000))) == 1


def test_many_files_are_counted_not_listed(tmp_path: Path) -> None:
    folder = make(tmp_path)
    for number in range(400):
        (folder / f"{number}.txt").write_text("x")
    job = read_job_folder(folder)
    assert (job.count, len(job.files)) == (403, 300)


@pytest.mark.parametrize(
    ("name", "text", "age"),
    [
        ("config_fed_server.json", '{\n  "format_version": 1,\n  "workflows": []\n}', "an older"),
        ("config_fed_client.json", '{"format_version": 3}', "a newer"),
        ("config_fed_server.conf", "format_version = 1\nworkflows = []", "an older"),
        ("config_fed_client.yml", "executors: []\nformat_version: 1", "an older"),
    ],
)
def test_configuration_of_another_time_is_warned_of(tmp_path: Path, name: str, text: str, age: str) -> None:
    folder = make(tmp_path)
    (folder / "app" / "config" / name).write_text(text)
    (warning,) = [w for w in warnings(folder) if "format_version" in w]
    assert warning.startswith(f"app/config/{name} has format_version ")
    assert f"of {age} version of NVIDIA FLARE: only 2 is known, so the job will fail when it starts" in warning


@pytest.mark.parametrize("text", ['{"format_version": 2}', "{}", '{"args": {"x": "format_version: 1"}}', "\xff"])
def test_configuration_of_this_time_is_not_warned_of(tmp_path: Path, text: str) -> None:
    folder = make(tmp_path)
    (folder / "app" / "config" / "config_fed_server.json").write_text(text)
    (folder / "app" / "custom").mkdir()
    (folder / "app" / "custom" / "config_fed_server.json").write_text('{"format_version": 1}')
    assert not [w for w in warnings(folder) if "format_version" in w]


def test_app_alone_is_called_that(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (error,) = errors(folder / "app")
    assert error == (
        f"{folder}/app is an app, not a job: it has no meta.json. Pass the job folder, which contains the app and "
        "meta.json; only NVIDIA FLARE 2.0 and older took an app alone"
    )


def test_server_without_yaml_reader_is_explained(tmp_path: Path) -> None:
    failed = InternalError("server internal error: exception <class 'ModuleNotFoundError'> occurred")
    in_yaml = make(tmp_path / "a")
    (in_yaml / "app" / "config" / "config_fed_server.yml").write_text("format_version: 2")
    assert "omegaconf" in missing_package_hint(failed, in_yaml)
    assert missing_package_hint(failed, make(tmp_path / "b")) == ""
    assert missing_package_hint(InternalError("another error"), in_yaml) == ""


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config_fed_server.json", '{"format_version": 2}'),
        ("config_fed_server.conf", "format_version = 2"),
        ("config_fed_server.yml", "format_version: 2"),
    ],
)
def test_server_configuration_is_read_in_each_format(tmp_path: Path, file: str, text: str) -> None:
    folder = make(tmp_path, with_map({"site-app": ["site-1"], "app": ["server", "site-2"]}), apps=())
    config = folder / "app" / "config"
    config.mkdir(parents=True)
    (config / file).write_text(text)
    assert read_server_config(folder) == (text, file[len("config_fed_server") :])
    (config / file).unlink()
    assert read_server_config(folder) is None
