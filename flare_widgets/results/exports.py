"""Hands over data about a job to other tools: MLflow and TensorBoard."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from ..api.job_status import JobStatus
from ..api.saved_results import make_folder_name
from ..formatting.text import sanitize
from ..local_files import absolute_path, translate_os_errors
from ..monitoring import JobSnapshot
from ..monitoring.job.records import MetricRecord
from ..optional_packages import import_package

DEFAULT_EXPERIMENT = "flare"
"""Name of the MLflow experiment, unless another is given."""

_ALL_SITES = "all sites"
_MAX_BATCH = 1000  # metrics in a request to MLflow
_MAX_PARAMS, _MAX_PARAM_CHARS = 100, 500
_UNSAFE_KEY = re.compile(r"[^A-Za-z0-9_. :/-]")
_UNSAFE_FOLDER = re.compile(r"[^A-Za-z0-9._ -]+")


class HasSnapshot(Protocol):
    """A thing that has a job's snapshot, such as a :class:`.Result`."""

    @property
    def snapshot(self) -> JobSnapshot:
        """The snapshot."""


def to_mlflow(
    run: JobSnapshot | HasSnapshot,
    *,
    experiment: str = DEFAULT_EXPERIMENT,
    tracking_uri: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> str:
    """Record a job as a run of MLflow: metrics by round and step, evaluation, parameters, status. Return the run's id.

    Each call makes another run, with the job's id in the tag ``flare.job_id``. The values of a site are in the metric
    ``SITE/METRIC``, those of all sites together in ``METRIC``.

    Parameters
    ----------
    run
        A job's snapshot, as ``%flare wait`` returns it, or its :class:`.Result`.
    experiment
        The experiment; created if there is none of that name.
    tracking_uri
        The MLflow server or folder; as MLflow itself is set up if not given.
    parameters
        The run's parameters; those of the job if not given.

    Raises
    ------
    NotInstalled
        MLflow is missing.
    """
    mlflow = import_package("mlflow", "the export to MLflow")
    snapshot = _snapshot_of(run)
    client = mlflow.MlflowClient(tracking_uri=tracking_uri)
    known = client.get_experiment_by_name(experiment)
    experiment_id = client.create_experiment(experiment) if known is None else known.experiment_id
    started = snapshot.started_at or time.time()
    tags = {
        "flare.job_id": snapshot.job_id,
        "flare.status": snapshot.status,
        "flare.study": snapshot.study,
        "flare.submitter": snapshot.submitter,
    }
    created = client.create_run(
        experiment_id,
        start_time=int(1000 * started),
        tags={name: sanitize(str(value), _MAX_PARAM_CHARS) for name, value in tags.items() if value},
        run_name=sanitize(snapshot.name or snapshot.job_id, 200),
    )
    run_id = str(created.info.run_id)
    entities = mlflow.entities
    given = parameters if parameters is not None else _parameters_of(run)
    params = [
        entities.Param(_UNSAFE_KEY.sub("_", str(name))[:250], sanitize(str(value), _MAX_PARAM_CHARS))
        for name, value in list(given.items())[:_MAX_PARAMS]
    ]
    metrics = [
        entities.Metric(_UNSAFE_KEY.sub("_", key)[:250], value, int(1000 * (at or started)), step)
        for key, value, at, step in _list_mlflow_metrics(snapshot)
    ]
    if params:
        client.log_batch(run_id, params=params)
    for start in range(0, len(metrics), _MAX_BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _MAX_BATCH])
    if snapshot.ended:
        is_good = JobStatus.of(snapshot.status) is JobStatus.COMPLETED
        ended = started + (snapshot.duration or 0.0)
        client.set_terminated(run_id, "FINISHED" if is_good else "FAILED", end_time=int(1000 * ended))
    return run_id


def to_tensorboard(run: JobSnapshot | HasSnapshot, folder: str | Path) -> Path:
    """Write a job's metrics as event files of TensorBoard, a folder for each site. Return the folder of the job.

    Writing again replaces what was written before. TensorBoard itself is not needed: ``tensorboard --logdir FOLDER``
    shows several jobs side by side.

    Parameters
    ----------
    run
        A job's snapshot, as ``%flare wait`` returns it, or its :class:`.Result`.
    folder
        The folder for the jobs; one named after this job is created in it.

    Raises
    ------
    FileAccessError, DiskFull
        The files cannot be written.
    """
    snapshot = _snapshot_of(run)
    target = absolute_path(folder) / make_folder_name(snapshot.job_id, snapshot.name)
    started = snapshot.started_at or 0.0
    by_site: dict[str, list[MetricRecord]] = {}
    for record in snapshot.metrics:
        by_site.setdefault(record.site or _ALL_SITES, []).append(record)
    taken: set[str] = set()
    with translate_os_errors(f"the events cannot be written to {target}"):
        target.mkdir(parents=True, exist_ok=True)
        for site, records in by_site.items():
            place = target / _pick_name(site, taken)
            place.mkdir(exist_ok=True)
            events = _encode_events(_name_metrics(records), started)
            (place / f"events.out.tfevents.{int(started)}.flare-widgets").write_bytes(b"".join(events))
    return target


def _snapshot_of(run: JobSnapshot | HasSnapshot) -> JobSnapshot:
    return run if isinstance(run, JobSnapshot) else run.snapshot


def _parameters_of(run: Any) -> Mapping[str, Any]:
    config = getattr(run, "config", None)
    found = getattr(run, "parameters", None) if config is None else config.arguments
    return found if isinstance(found, Mapping) else {}


def _list_mlflow_metrics(snapshot: JobSnapshot) -> Iterator[tuple[str, float, float | None, int]]:
    """Return the key, the value, the time and the step of each value."""
    for name, record in _name_metrics(snapshot.metrics):
        key = f"{record.site}/{name}" if record.site else name  # METRIC/SITE is no path beside METRIC
        yield key, record.value, record.time, _step_of(record)
    for found in snapshot.recorded.evaluations if snapshot.recorded is not None else ():
        yield f"evaluation/{found.model}/{found.metric}/{found.site}", found.value, None, 0


def _name_metrics(records: Iterable[MetricRecord]) -> list[tuple[str, MetricRecord]]:
    """Return the records with names of their metrics: those of several workflows are told apart."""
    listed = list(records)
    is_ambiguous = len({record.workflow for record in listed if record.round is not None}) > 1
    return [(f"{r.workflow}/{r.metric}" if is_ambiguous and r.workflow else r.metric, r) for r in listed]


def _step_of(record: MetricRecord) -> int:
    return record.step if record.step is not None else record.round or 0


def _pick_name(site: str, taken: set[str]) -> str:
    """Return a name for a site's folder that no other site has."""
    name = _UNSAFE_FOLDER.sub("-", site)[:60].strip(" .-") or "site"
    free = next(found for n in range(len(taken) + 1) if (found := f"{name}-{n + 1}" if n else name) not in taken)
    taken.add(free)
    return free


# -- TensorBoard's file format: records of protobuf messages -----------------------------------------------------------


def _encode_events(named: Iterable[tuple[str, MetricRecord]], started: float) -> Iterator[bytes]:
    """Return the records of an event file: its version, and an event for each value."""
    yield _encode_record(_double_field(1, started) + _bytes_field(3, b"brain.Event:2"))
    for name, record in named:
        value = _bytes_field(1, name.encode("utf-8", "replace")) + _float_field(2, record.value)
        event = _double_field(1, record.time or started) + _varint_field(2, _step_of(record))
        yield _encode_record(event + _bytes_field(5, _bytes_field(1, value)))


def _encode_record(data: bytes) -> bytes:
    size = struct.pack("<Q", len(data))
    return size + struct.pack("<I", _masked_checksum(size)) + data + struct.pack("<I", _masked_checksum(data))


def _double_field(number: int, value: float) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


def _float_field(number: int, value: float) -> bytes:
    try:
        return bytes([number << 3 | 5]) + struct.pack("<f", value)
    except OverflowError:  # a double beyond the range of the format
        return bytes([number << 3 | 5]) + struct.pack("<f", float("inf") if value > 0 else float("-inf"))


def _varint_field(number: int, value: int) -> bytes:
    return bytes([number << 3]) + _encode_varint(value)


def _bytes_field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _encode_varint(len(value)) + value


def _encode_varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # a negative number as two's complement
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _make_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)  # CRC-32C
        table.append(byte)
    return tuple(table)


_TABLE = _make_table()


def _masked_checksum(data: bytes) -> int:
    """Return the CRC-32C of data, rotated and shifted as in TensorBoard's records."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
