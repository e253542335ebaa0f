"""Models in a result: their formats, their content as far as the format tells it, and loading them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, SupportsIndex, overload

from .. import bounds
from ..errors import FlareError, InputError
from ..formatting.text import format_size, sanitize
from ..local_files import translate_os_errors
from ..optional_packages import import_package
from .array_headers import ArrayInfo, read_npy_header, read_npz_headers, read_safetensors_header

Format = Literal["npy", "npz", "safetensors", "torch", "xgboost", "joblib", "pickle", "json", "onnx", "other"]
"""Format of a model's file, told by its suffix; of JSON, by its content."""

_BY_SUFFIX: Mapping[str, Format] = {
    ".npy": "npy",
    ".npz": "npz",
    ".safetensors": "safetensors",
    ".pt": "torch",
    ".pth": "torch",
    ".ckpt": "torch",
    ".ubj": "xgboost",
    ".joblib": "joblib",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".onnx": "onnx",
}
_HEADER_READERS: Mapping[Format, Callable[[Path], tuple[ArrayInfo, ...]]] = {
    "npy": read_npy_header,
    "npz": read_npz_headers,
    "safetensors": read_safetensors_header,
}
_LOAD_LINES: Mapping[Format, str] = {
    "npy": "numpy.load({path!r})",
    "npz": "numpy.load({path!r})",
    "safetensors": "safetensors.numpy.load_file({path!r})",
    "torch": "torch.load({path!r}, weights_only=True)",
    "xgboost": "xgboost.Booster(model_file={path!r})",
    "joblib": "joblib.load({path!r})",
    "pickle": "pickle.load(open({path!r}, 'rb'))",
    "json": "json.load(open({path!r}))",
    "onnx": "onnxruntime.InferenceSession({path!r})",
}
_RUNS_CODE: frozenset[Format] = frozenset({"joblib", "pickle"})
_PURPOSE = "loading this model"
_MAX_WORDS = 60  # characters of a text of XGBoost's


@dataclass(frozen=True)
class Model:
    """A model in a result.

    Attributes
    ----------
    name
        Path of its file below the server's run folder: ``models/server.npy``.
    path
        The file.
    format
        Its format.
    size
        Its size in bytes.
    is_best
        True if it is the best model so far by the job's key metric, and not the last one.
    round
        The round that it is of, counted from 1; None if unknown.
    arrays
        Its arrays, for formats that tell them without being loaded.
    details
        Other facts that the format tells, in words: ``30 trees, binary:logistic``.
    fetch
        Downloads its file if only a part of the result is on this machine; None if the file is here.
    """

    name: str
    path: Path
    format: Format
    size: int
    is_best: bool = False
    round: int | None = None
    arrays: tuple[ArrayInfo, ...] = ()
    details: str = ""
    fetch: Callable[[], object] | None = field(default=None, compare=False, repr=False)

    @property
    def load_line(self) -> str:
        """The Python expression that loads it; empty if its format is unknown.

        It needs the package that it names: numpy, torch, xgboost, ...
        """
        return self.load_line_for(self.path)

    def load_line_for(self, path: Path) -> str:
        """Return the expression with another path to the file, such as one relative to the working folder."""
        line = _LOAD_LINES.get(self.format)
        return line.format(path=str(path)) if line else ""

    @property
    def is_unsafe(self) -> bool:
        """True if loading it runs code that its author chose."""
        return self.format in _RUNS_CODE

    def load(self, *, allow_pickle: bool = False) -> Any:
        """Load the model into memory; its file is downloaded first if it is not here yet.

        Parameters
        ----------
        allow_pickle
            True to load a ``joblib`` or ``pickle`` file too: that runs code that its author chose, with your rights.

        Returns
        -------
        object
            An array (``npy``); a dict of arrays (``npz``, ``safetensors``); the saved object, usually a dict with the
            weights in ``"model"`` (``torch``); a ``Booster`` (``xgboost``); parsed JSON; the object of a pickle.

        Raises
        ------
        InputError
            The file cannot be loaded, or only by running code.
        NotInstalled
            A package is missing.
        FileAccessError
            The file is gone or may not be read.
        """
        if self.is_unsafe and not allow_pickle:
            raise InputError(
                f"{self.name} is a {self.format} file: loading it runs code that its author chose, with your rights",
                next_step="If you trust everybody who took part in the job: model.load(allow_pickle=True)",
            )
        load = _LOADERS.get(self.format)
        if load is None:
            raise InputError(f"the format of {self.name} is unknown here", next_step=f"Its file is {self.path}")
        if self.fetch is not None:
            self.fetch()
        with translate_os_errors(f"{self.path} cannot be read"):
            try:
                return load(self.path)
            except (FlareError, OSError, MemoryError):
                raise
            except Exception as e:  # each package has its own errors
                raise InputError(
                    f"{self.name} cannot be loaded: {type(e).__name__}: {sanitize(str(e), 300)}",
                    next_step="If the job's code wrote it in a format of its own, load it the way that code does",
                ) from None

    def __str__(self) -> str:
        best = "the best model" if self.is_best else ""
        of_round = f"of round {self.round}" if self.round is not None else ""
        facts = [" ".join(filter(None, [best, of_round])), *map(str, self.arrays[:3]), self.details]
        return ", ".join(filter(None, [f"{self.name} ({self.format}, {format_size(self.size)})", *facts]))


def describe_model(path: Path, name: str, *, best_round: int | None = None, last_round: int | None = None) -> Model:
    """Return what is known of a model without loading it.

    Parameters
    ----------
    path
        Its file.
    name
        Its path below the run folder.
    best_round, last_round
        The best and the last round of the job, counted from 1; None if unknown.
    """
    kind = _find_format(path)
    is_best = path.name.lower().startswith("best")
    read_header = _HEADER_READERS.get(kind)
    return Model(
        name=sanitize(name, 300),
        path=path,
        format=kind,
        size=path.stat().st_size,
        is_best=is_best,
        round=best_round if is_best else last_round,
        arrays=read_header(path) if read_header else (),
        details=_describe_xgboost(path) if kind == "xgboost" else "",
    )


class Models(tuple[Model, ...]):
    """The models of a result. If there are none, asking for one says why."""

    _reason: str

    def __new__(cls, models: Iterable[Model] = (), reason: str = "") -> Models:
        made = super().__new__(cls, models)
        made._reason = reason
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (tuple(self), self._reason)

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Model: ...

    @overload
    def __getitem__(self, index: slice, /) -> tuple[Model, ...]: ...

    def __getitem__(self, index: SupportsIndex | slice, /) -> Model | tuple[Model, ...]:
        if not self and not isinstance(index, slice):
            raise IndexError(f"this result has no model: {self._reason}")
        return super().__getitem__(index)


def describe_missing_model(
    path: Path,
    name: str,
    size: int,
    fetch: Callable[[], object],
    *,
    best_round: int | None = None,
    last_round: int | None = None,
) -> Model:
    """Return what is known of a model whose file is not on this machine yet.

    Parameters
    ----------
    path, name, best_round, last_round
        As of :func:`describe_model`.
    size
        The size of its file.
    fetch
        Downloads it.
    """
    suffix, is_best = path.suffix.lower(), path.name.lower().startswith("best")
    return Model(
        name=sanitize(name, 300),
        path=path,
        format="json" if suffix == ".json" else _BY_SUFFIX.get(suffix, "other"),
        size=size,
        is_best=is_best,
        round=best_round if is_best else last_round,
        fetch=fetch,
    )


def _find_format(path: Path) -> Format:
    suffix = path.suffix.lower()
    if suffix == ".json":
        return "xgboost" if _read_json(path).get("learner") else "json"
    return _BY_SUFFIX.get(suffix, "other")


def _describe_xgboost(path: Path) -> str:
    """Return the number of trees and the objective of a model that XGBoost wrote as JSON."""
    learner = _read_json(path).get("learner")
    if not isinstance(learner, dict):
        return ""
    found = []
    booster = learner.get("gradient_booster")
    model = booster.get("model") if isinstance(booster, dict) else None
    trees = model.get("trees") if isinstance(model, dict) else None
    if isinstance(trees, list):
        found.append(f"{len(trees)} tree{'' if len(trees) == 1 else 's'}")
    objective = learner.get("objective")
    name = objective.get("name") if isinstance(objective, dict) else None
    if isinstance(name, str):
        found.append(sanitize(name, _MAX_WORDS))
    return ", ".join(found)


def _read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file; empty if it has none, or too much to be looked into."""
    if path.suffix.lower() != ".json" or path.stat().st_size > bounds.MAX_FILE_BYTES:
        return {}
    text = path.read_text("utf-8", "replace")
    if bounds.has_too_many_values(text):
        return {}
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _load_numpy(path: Path) -> Any:
    loaded = import_package("numpy", _PURPOSE).load(path, allow_pickle=False)
    if path.suffix.lower() != ".npz":
        return loaded
    with loaded:
        return dict(loaded)


def _load_torch(path: Path) -> Any:
    return import_package("torch", _PURPOSE).load(path, weights_only=True, map_location="cpu")


def _load_pickle(path: Path) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301 -- only when asked for by name


def _load_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


_LOADERS: Mapping[Format, Callable[[Path], Any]] = {
    "npy": _load_numpy,
    "npz": _load_numpy,
    "safetensors": lambda path: import_package("safetensors.numpy", _PURPOSE).load_file(path),
    "torch": _load_torch,
    "xgboost": lambda path: import_package("xgboost", _PURPOSE).Booster(model_file=str(path)),
    "joblib": lambda path: import_package("joblib", _PURPOSE).load(path),
    "pickle": _load_pickle,
    "json": _load_json,
    "onnx": lambda path: import_package("onnxruntime", _PURPOSE).InferenceSession(str(path)),
}
