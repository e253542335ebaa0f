"""The files of a job on the server: what they say beyond what recordings of real jobs show."""

from __future__ import annotations

import importlib
import inspect
import json

import pytest

from flare_widgets.monitoring.job.model import Workflow
from flare_widgets.monitoring.logs.files import read_config


@pytest.mark.parametrize(
    "path",
    [
        "nvflare.app_common.workflows.fedavg.FedAvg",
        "nvflare.app_common.workflows.scaffold.Scaffold",
        "nvflare.app_common.workflows.cyclic.Cyclic",
        "nvflare.app_common.workflows.cyclic_ctl.CyclicController",
        "nvflare.app_common.workflows.scatter_and_gather.ScatterAndGather",
        "nvflare.app_common.workflows.scatter_and_gather_scaffold.ScatterAndGatherScaffold",
    ],
)
def test_missing_round_count_uses_flare_default(path: str) -> None:
    module, _, name = path.rpartition(".")
    controller = getattr(importlib.import_module(module), name)
    found = {
        parameter.default
        for kind in controller.__mro__
        if (parameter := inspect.signature(kind.__init__).parameters.get("num_rounds")) is not None
    }
    told = read_config(json.dumps({"workflows": [{"id": "controller", "path": path, "args": {}}]}))
    assert told is not None
    (workflow,) = told.updates
    assert isinstance(workflow, Workflow)
    assert found == {workflow.total_rounds}
    assert (workflow.id, workflow.first_round, workflow.name) == ("controller", 0, name)


def test_other_controller_has_no_round_default() -> None:
    told = read_config(json.dumps({"workflows": [{"path": "mine.FedAvg", "args": {}}]}))
    assert told is not None
    (workflow,) = told.updates
    assert isinstance(workflow, Workflow)
    assert (workflow.total_rounds, workflow.name) == (None, "FedAvg")
