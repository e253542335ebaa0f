"""The command lines and the environment of a federation's processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flare_widgets.federation import FederationError
from flare_widgets.federation.environment import get_interpreter, make_child_environment, module_command, site_command


def test_environment_names_federation_and_keeps_users() -> None:
    user = {"PATH": "/usr/bin", "PYTHONPATH": "/mine", "HF_TOKEN": "x", "FLARE_WIDGETS_FEDERATION": "outer"}
    result = make_child_environment("inner", user)
    assert result["FLARE_WIDGETS_FEDERATION"] == "inner"
    assert result["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"
    assert result["PYTHONPATH"] == "/mine"
    assert result["HF_TOKEN"] == "x"
    assert user["FLARE_WIDGETS_FEDERATION"] == "outer"


def test_notebooks_own_settings_do_not_reach_jobs() -> None:
    kernel = {"JPY_PARENT_PID": "1", "FORCE_COLOR": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    assert not kernel.keys() & make_child_environment("x", kernel).keys()
    assert make_child_environment("x", {"MPLBACKEND": "Agg"})["MPLBACKEND"] == "Agg"


@pytest.mark.parametrize("proxy", ["http_proxy", "HTTPS_PROXY", "grpc_proxy", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("exempt", [{}, {"no_proxy": "corp.example"}, {"NO_PROXY": "corp.example, .lan"}])
def test_proxy_does_not_reach_loopback(proxy: str, exempt: dict[str, str]) -> None:
    user = {proxy: "http://proxy.example:3128", **exempt}
    result = make_child_environment("x", user)
    assert result[proxy] == user[proxy]
    for name in ("no_proxy", "NO_PROXY"):
        hosts = result[name].split(",")
        assert {"localhost", "127.0.0.1", "::1"} <= set(hosts)
        assert all(host.strip() in hosts for each in exempt.values() for host in each.split(","))
    assert "no_grpc_proxy" not in result


def test_exemptions_of_grpc_are_kept() -> None:
    result = make_child_environment("x", {"grpc_proxy": "http://p:1", "no_grpc_proxy": "corp.example", "no_proxy": "*"})
    assert result["no_grpc_proxy"] == "corp.example,localhost,127.0.0.1,::1"
    assert result["no_proxy"] == "*"


def test_environment_without_proxy_stays() -> None:
    assert not {"no_proxy", "NO_PROXY"} & make_child_environment("x", {"PATH": "/usr/bin", "http_proxy": ""}).keys()


def test_missing_path_adds_no_empty_entry() -> None:
    # An empty entry would mean the current folder.
    assert make_child_environment("x", {})["PATH"] == str(Path(sys.executable).parent)


def test_sites_command() -> None:
    command = site_command(Path("/f/kits/lyon"), "lyon")
    assert command[0] == sys.executable
    assert "nvflare.private.fed.app.client.client_train" in command
    assert command[command.index("--set") + 1 :] == [
        "secure_train=true",
        "uid=lyon",
        "org=nvidia",
        "config_folder=config",
    ]


@pytest.mark.parametrize("executable", ["", "/my envs/bin/python"])
def test_impossible_interpreter(executable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(FederationError, match="interpreter"):
        get_interpreter()


@pytest.mark.parametrize("module", ["supervisor", "provision"])
def test_own_modules_start_light_and_from_anywhere(module: str) -> None:
    command = module_command(module)
    command[2] = command[2].replace("sys.exit(main(sys.argv[1:]))", "print(*sys.modules)")
    loaded = subprocess.run(
        command, cwd="/", env={}, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert f"flare_widgets.federation.{module}" in loaded
    assert not {"nvflare", "IPython", "ipywidgets", "anywidget", "cryptography"} & {*loaded}
