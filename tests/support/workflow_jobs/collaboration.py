"""Jobs of the collab API, of nvflare 2.9: the server's code calls the sites' code."""

from __future__ import annotations

from pathlib import Path

from .job_writer import build_executor, build_part, write_job

_CALLS = '''\
"""Averaging by calls."""

import time

from nvflare.collab import collab

SECONDS = 1


class Server:
    def __init__(self, num_rounds=3):
        self.num_rounds = num_rounds

    @collab.main
    def run(self):
        weight = 1.0
        for number in range(self.num_rounds):
            results = [result for _, result in collab.clients.train(number, weight)]
            weight = sum(results) / len(results)
            print(f"call {number + 1} of {self.num_rounds}: weight {weight}")
        return weight


class Client:
    @collab.publish
    def train(self, number, weight):
        time.sleep(SECONDS)
        return weight + 1.0
'''


def collab(folder: Path) -> Path:
    """Write a job of the collab API, as its recipe makes it."""
    pools = {"collab_obj_ids": [], "props": {}, "max_inbound_call_threads": 10, "max_outbound_call_threads": 10}
    runtime = "nvflare.collab.runtime"
    return write_job(
        folder,
        "collab",
        workflows=[
            build_part("controller", f"{runtime}.controller.CollabController", server_obj_id="_server", **pools)
        ],
        components=[build_part("_server", "calls.Server", num_rounds=3)],
        executors=[build_executor(["*"], f"{runtime}.executor.CollabExecutor", client_obj_id="_client", **pools)],
        client_components=[build_part("_client", "calls.Client")],
        custom={"calls.py": _CALLS},
    )
