"""Jobs of each kind of FLARE workflow, of two sites, small and quick: by name, the function that writes the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import averaging, client_controlled, relays, several

JOBS: dict[str, Callable[[Path], Path]] = {
    "scatter-and-gather": averaging.scatter_and_gather,
    "scatter-and-gather-loss": averaging.scatter_and_gather_loss,
    "scatter-and-gather-hocon": averaging.scatter_and_gather_hocon,
    "scatter-and-gather-yaml": averaging.scatter_and_gather_yaml,
    "own-scatter-and-gather": averaging.own_scatter_and_gather,
    "fed-avg": averaging.fed_avg,
    "fed-avg-start-round": averaging.fed_avg_start_round,
    "own-fed-avg": averaging.own_fed_avg,
    "own-model-controller": averaging.own_model_controller,
    "cyclic-controller": relays.cyclic_controller,
    "cyclic": relays.cyclic,
    "two-scatter-and-gather": several.two_scatter_and_gather,
    "scatter-and-gather-then-cyclic": several.scatter_and_gather_then_cyclic,
    "swarm": client_controlled.swarm,
    "swarm-then-evaluation": client_controlled.swarm_then_evaluation,
    "client-controlled-cyclic": client_controlled.client_controlled_cyclic,
}
