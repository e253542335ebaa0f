"""Names of the metrics that client code sends, found in its syntax tree without running it. Pure.

Found are the keys of dicts that are written down: in ``FLModel(metrics={...})`` itself, in a variable of that name, in
``metrics["x"] = ...``, ``dict(x=...)``, ``{**others}`` and in what a function of the cell returns. What is computed,
or comes from another module, cannot be seen; then the names are marked as incomplete.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

DEFAULT_KEY_METRIC = "accuracy"
"""The key metric of FLARE's recipes, unless they are told another one."""

_METRICS_POSITION = 3  # of FLModel's arguments: params_type, params, optimizer_params, metrics
_CHANGING_METHODS = frozenset({"update", "setdefault", "__setitem__"})
_MAX_DEPTH = 50  # of expressions and variables that refer to each other


@dataclass(frozen=True)
class MetricNames:
    """Names of the metrics in client code.

    Attributes
    ----------
    names
        The names found, in the order of the code.
    is_complete
        False if the code may send others that cannot be seen.
    """

    names: tuple[str, ...] = ()
    is_complete: bool = False


def find_metric_names(code: str) -> MetricNames:
    """Return the names of the metrics that client code sends. The code must have no syntax errors."""
    finder = _Finder(ast.parse(code))
    for source in finder.find_sources():
        finder.read(source)
    return MetricNames(tuple(finder.names), finder.has_models and finder.is_complete)


@dataclass(frozen=True)
class KeyMetricChoice:
    """Choice of the metric that selects the best model.

    Attributes
    ----------
    name
        The metric to tell the recipe; empty for its default.
    note
        A sentence for the user: what to correct or to decide; empty if there is nothing to say.
    """

    name: str = ""
    note: str = ""


def choose_key_metric(found: MetricNames, given: str) -> KeyMetricChoice:
    """Choose the metric that selects the best model.

    Parameters
    ----------
    found
        The metrics that the code sends.
    given
        The metric that the user gave, which is always obeyed; empty if none.
    """
    listed = ", ".join(found.names)
    if given:
        if not found.is_complete or given in found.names:
            return KeyMetricChoice(given)
        sends = f"it sends {listed}" if found.names else "it sends none"
        return KeyMetricChoice(
            given,
            f"the cell sends no metric {given!r} ({sends}), so no best model will be selected: correct --key-metric, "
            "or the name in the cell",
        )
    if DEFAULT_KEY_METRIC in found.names or not found.is_complete:
        return KeyMetricChoice()
    if len(found.names) == 1:
        return KeyMetricChoice(found.names[0])
    if found.names:
        return KeyMetricChoice(
            "",
            f"the cell sends {len(found.names)} metrics ({listed}): choose the one that selects the best model with "
            "--key-metric NAME",
        )
    return KeyMetricChoice()


class _Finder:
    """Search for the keys of the dicts that become metrics."""

    def __init__(self, tree: ast.Module) -> None:
        self.names: dict[str, None] = {}
        self.is_complete = True
        self.has_models = False
        self._nodes = list(ast.walk(tree))
        self._functions = {
            node.name: node for node in self._nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        self._read: set[str] = set()

    def find_sources(self) -> Iterator[ast.expr]:
        """Yield the expressions that become a model's metrics."""
        classes = self._find_model_classes()
        for node in self._nodes:
            if isinstance(node, ast.Call) and _last_name(node.func) in classes:
                self.has_models = True
                yield from (keyword.value for keyword in node.keywords if keyword.arg == "metrics")
                if any(keyword.arg is None for keyword in node.keywords):
                    self.is_complete = False  # FLModel(**something)
                yield from node.args[_METRICS_POSITION : _METRICS_POSITION + 1]
            elif isinstance(node, ast.Assign):
                yield from (node.value for target in node.targets if _is_metrics_attribute(target))
            elif isinstance(node, ast.Attribute) and _is_metrics_attribute(node):
                self._read_changes_of(node)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_evaluation(node):
                self.has_models = True
                yield from _returned(node)

    def _find_model_classes(self) -> set[str]:
        """Return the names of FLModel here."""
        imported = [alias for node in self._nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
        return {"FLModel", *(alias.asname for alias in imported if alias.name == "FLModel" and alias.asname)}

    def read(self, value: ast.expr, depth: int = 0) -> None:
        """Read the names in an expression."""
        if depth > _MAX_DEPTH:
            self.is_complete = False
        elif isinstance(value, ast.Dict):
            for key, item in zip(value.keys, value.values, strict=True):
                if key is None:
                    self.read(item, depth + 1)
                else:
                    self._read_key(key, item)
        elif isinstance(value, ast.Call):
            self._read_call(value, depth)
        elif isinstance(value, ast.Name):
            self._read_variable(value.id, depth)
        elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
            self.read(value.left, depth + 1)
            self.read(value.right, depth + 1)
        elif isinstance(value, ast.IfExp):
            self.read(value.body, depth + 1)
            self.read(value.orelse, depth + 1)
        elif isinstance(value, ast.NamedExpr):
            self.read(value.value, depth + 1)
        elif not (isinstance(value, ast.Constant) and value.value is None):
            self.is_complete = False

    def _read_key(self, key: ast.expr, value: ast.expr | None = None) -> None:
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            self.is_complete = False
        elif not (isinstance(value, ast.Constant) and not _is_number(value.value)):
            self.names[key.value] = None

    def _read_call(self, call: ast.Call, depth: int) -> None:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name == "dict":
            for argument in call.args:
                self.read(argument, depth + 1)
            for keyword in call.keywords:
                if keyword.arg is None:
                    self.read(keyword.value, depth + 1)
                else:
                    self._read_key(ast.Constant(keyword.arg), keyword.value)
        elif name in self._functions:
            if f"{name}()" not in self._read:
                self._read.add(f"{name}()")
                for value in _returned(self._functions[name]):
                    self.read(value, depth + 1)
        else:
            self.is_complete = False

    def _read_variable(self, name: str, depth: int) -> None:
        """Read all that is assigned to a variable anywhere, and its later changes."""
        if name in self._read:
            return
        self._read.add(name)
        is_assigned = False
        for node in self._nodes:
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
                targets = [node.target]
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value is not None:
                if any(_is_name(target, name) for target in targets):
                    is_assigned = True
                    self.read(node.value, depth + 1)
                elif any(_binds(target, name) for target in targets) or _is_name(node.value, name):
                    self.is_complete = False  # one of several, as in loss, metrics = train(); or it gets another name
            if isinstance(node, ast.expr) and _is_name(node, name):
                self._read_changes_of(node)
            elif isinstance(node, ast.arg) and node.arg == name:
                self.is_complete = False
            elif isinstance(node, ast.Call) and _last_name(node.func) in self._functions:
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                if any(_is_name(value, name) for value in given):
                    self.is_complete = False  # the function may put something into it
        self.is_complete = self.is_complete and is_assigned

    def _read_changes_of(self, holder: ast.expr) -> None:
        """Read the names that are put into a dict after it was made: ``metrics["x"] = 1``, ``metrics.update(x=1)``."""
        for node in self._nodes:
            if isinstance(node, ast.Subscript) and node.value is holder and isinstance(node.ctx, ast.Store):
                self._read_key(node.slice)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.value is holder:
                if node.func.attr == "update":
                    self._read_call(ast.Call(ast.Name("dict"), node.args, node.keywords), 0)
                elif node.func.attr in _CHANGING_METHODS and node.args:
                    self._read_key(node.args[0])


def _is_evaluation(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether the Client API's ``@evaluate`` makes metrics of what the function returns."""
    return any(_last_name(decorator) == "evaluate" for decorator in function.decorator_list)


def _returned(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    """Yield the values that a function returns."""
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value


def _is_metrics_attribute(node: ast.expr) -> bool:
    """Return whether it is an attribute ``metrics`` of a variable, which may be a model; not that of a class's own."""
    if not isinstance(node, ast.Attribute) or node.attr != "metrics":
        return False
    return isinstance(node.value, ast.Name) and node.value.id != "self"


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _binds(target: ast.expr, name: str) -> bool:
    return isinstance(target, (ast.Tuple, ast.List, ast.Starred)) and any(
        isinstance(node, ast.Name) and node.id == name for node in ast.walk(target)
    )


def _last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name: that of a call, of what is called."""
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
