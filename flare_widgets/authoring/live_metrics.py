"""Component of a job that writes all metrics to the server's log while the job runs.

FLARE's server logs one metric, the one that selects the best model, and not in the first round. flare-widgets has added
this file to the job, and the component ``live_metrics`` to config_fed_server.json, so that its monitor, which reads
that log, shows every metric of every site in every round. The component only reads what the sites have sent: training
and result are the same without it. To do without it, delete this file and the component.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from nvflare.apis.analytix import ANALYTIC_EVENT_TYPE, AnalyticsDataType, TrackConst
from nvflare.apis.dxo import DataKind, MetaKey, from_shareable
from nvflare.apis.event_type import EventType
from nvflare.apis.fl_component import FLComponent
from nvflare.apis.fl_constant import FLContextKey, ReservedKey
from nvflare.apis.fl_context import FLContext
from nvflare.apis.shareable import Shareable
from nvflare.app_common.app_constant import AppConstants
from nvflare.app_common.app_event_type import AppEventType

# Limits of what is written; what exceeds them comes with the job's result only.
MAX_METRICS = 50  # in a line
MAX_NAME_CHARS = 200  # characters of a metric's name
MAX_LINE_CHARS = 12_000  # characters of a line
MAX_VALUE = 1e300
SCALARS_INTERVAL_S = 1.0  # seconds between two lines with metrics by step


class LiveMetrics(FLComponent):
    """Writer of one log line for each contribution of a site, for each aggregation, and for each second of scalars."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()  # events come in several threads
        self._scalars: list[dict[str, Any]] = []
        self._scalars_written_at = 0.0

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Handle an event; whatever goes wrong here must not harm the job."""
        try:
            if event_type == AppEventType.AFTER_CONTRIBUTION_ACCEPT:
                self._write_contribution(fl_ctx)
            elif event_type == AppEventType.AFTER_AGGREGATION:
                self._write_metrics(fl_ctx, "", fl_ctx.get_prop(AppConstants.AGGREGATION_RESULT))
                self._write_scalars(fl_ctx)
            elif event_type == f"fed.{ANALYTIC_EVENT_TYPE}":
                self._collect_scalars(fl_ctx)
            elif event_type == EventType.ABOUT_TO_END_RUN:
                self._write_scalars(fl_ctx)
        except Exception as error:
            self.log_debug(fl_ctx, f"metrics not logged: {type(error).__name__}")

    def _write_contribution(self, fl_ctx: FLContext) -> None:
        """Write the metrics that a site has sent with its model, if the server has accepted that."""
        peer = fl_ctx.get_peer_context()
        if peer is None or fl_ctx.get_prop(AppConstants.AGGREGATION_ACCEPTED, True) is False:
            return
        result = fl_ctx.get_prop(AppConstants.TRAINING_RESULT) or peer.get_prop(FLContextKey.SHAREABLE)
        # The name by which the site has proved its identity, whatever the result says.
        self._write_metrics(fl_ctx, peer.get_identity_name(), result)

    def _write_metrics(self, fl_ctx: FLContext, site: str, result: Any) -> None:
        """Write the metrics of a result: a site's, or that of all sites together if `site` is empty."""
        if isinstance(result, Shareable):
            number = result.get_header(AppConstants.CURRENT_ROUND)
            dxo = from_shareable(result)
            found = dxo.data if dxo.data_kind == DataKind.METRICS else dxo.get_meta_prop(MetaKey.INITIAL_METRICS)
        else:  # FLARE's FLModel, or None
            number, found = getattr(result, "current_round", None), getattr(result, "metrics", None)
        if number is None:
            number = fl_ctx.get_prop(AppConstants.CURRENT_ROUND)
        values = list_numbers(found)
        if values and isinstance(number, int):
            self.log_info(fl_ctx, "live metrics: " + to_json({"round": number, "site": site}, "metrics", values))

    def _collect_scalars(self, fl_ctx: FLContext) -> None:
        """Keep what a site's SummaryWriter, MLflowWriter or WandBWriter has sent until the next line is due."""
        event = fl_ctx.get_prop(FLContextKey.EVENT_DATA)
        dxo = from_shareable(event)
        site, tag = event.get_peer_prop(ReservedKey.IDENTITY_NAME, None), dxo.data.get(TrackConst.TRACK_KEY)
        step, value = dxo.data.get(TrackConst.GLOBAL_STEP_KEY), dxo.data.get(TrackConst.TRACK_VALUE)
        kind = dxo.get_meta_prop(TrackConst.DATA_TYPE_KEY)
        if kind in (AnalyticsDataType.SCALAR, AnalyticsDataType.METRIC):
            values = list_numbers({tag: value})
        elif kind in (AnalyticsDataType.SCALARS, AnalyticsDataType.METRICS):
            # Named as in the files that FLARE's receiver for TensorBoard writes.
            values = list_numbers({f"{tag.removesuffix('_metrics')} {name}": one for name, one in value.items()})
        else:
            return
        with self._lock:
            more = [{"site": site, "name": name, "step": step or 0, "value": number} for name, number in values]
            self._scalars = (self._scalars + more)[:MAX_METRICS]
        if time.monotonic() - self._scalars_written_at >= SCALARS_INTERVAL_S:
            self._write_scalars(fl_ctx)

    def _write_scalars(self, fl_ctx: FLContext) -> None:
        with self._lock:
            scalars, self._scalars = self._scalars, []
        if scalars:
            self._scalars_written_at = time.monotonic()
            self.log_info(fl_ctx, "live scalars: " + to_json({}, "scalars", scalars))


def list_numbers(metrics: Any) -> list[tuple[str, float]]:
    """Return the metrics that are finite numbers, with their names."""
    found: list[tuple[str, float]] = []
    for name, value in metrics.items() if isinstance(metrics, dict) else ():
        number = value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value
        is_number = isinstance(number, (int, float)) and not isinstance(number, bool) and abs(number) < MAX_VALUE
        if is_number and isinstance(name, str) and 0 < len(name) <= MAX_NAME_CHARS and name.isprintable():
            found.append((name, number))
        if len(found) == MAX_METRICS:
            break
    return found


def to_json(line: dict[str, Any], key: str, items: list[Any]) -> str:
    """Return a line as JSON, with as many of the items as it has room for."""
    while True:
        text = json.dumps({**line, key: items})
        if len(text) <= MAX_LINE_CHARS:
            return text
        items = items[: len(items) // 2]
