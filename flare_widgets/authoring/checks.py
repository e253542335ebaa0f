"""What can be told about client code without running it. Pure functions over its syntax tree.

Client code runs at the sites, in other processes on other machines, where a mistake costs a minute and comes back as
a line in a log. The most common ones show here: a typing error, a call of FLARE's Client API that was forgotten, and
a variable that only the notebook has.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterator
from dataclasses import dataclass

#: The module of the Client API, and those of its faces for frameworks, whose ``patch`` does all the rest.
CLIENT_API = "nvflare.client"

# What stands for receiving and sending: the decorators of the Client API, and patched trainers.
_BOTH = frozenset({"train", "evaluate", "patch"})

_WHY = {
    "init": "begin with flare.init(), which connects the code to its site",
    "receive": "without flare.receive() the site never gets the model",
    "send": "without flare.send() the server never gets what the site has learned",
}

# What every script has besides the builtins.
_SCRIPT = frozenset({"__name__", "__file__", "__doc__", "__builtins__", "__spec__", "__loader__", "__package__"})


@dataclass(frozen=True)
class Problem:
    """Something that will not work at a site.

    Attributes
    ----------
    line
        Where, as the notebook counts the lines of the cell; None when it is something that is missing.
    words
        What, and what to do about it.
    """

    line: int | None
    words: str

    def __str__(self) -> str:
        return self.words if self.line is None else f"line {self.line}: {self.words}"


def check_code(code: str, *, first_line: int = 1, notebook: Collection[str] = ()) -> list[Problem]:
    """Tell what will not work at a site.

    Parameters
    ----------
    code
        The client code: a Python program that uses FLARE's Client API.
    first_line
        The number of its first line: 2 in a cell that begins with ``%%flare``.
    notebook
        The names of the notebook's variables, which sites do not have.

    Returns
    -------
    list of Problem
        In the order of the lines; empty when nothing is known to be wrong.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError) as error:
        return [_syntax(error, code, first_line)]
    return sorted(
        [*_missing_calls(tree), *_unknown_names(tree, first_line, notebook)],
        key=lambda problem: problem.line or 0,
    )


def guess_framework(code: str) -> str:
    """Return the framework that code uses by what it imports: ``pytorch``, ``sklearn``, else ``numpy``.

    The code must be free of syntax errors.
    """
    roots = {name.split(".")[0] for name in _imported_modules(ast.parse(code))}
    if roots & {"torch", "lightning", "pytorch_lightning"}:
        return "pytorch"
    return "sklearn" if "sklearn" in roots else "numpy"


def classes(code: str) -> list[str]:
    """Return the names of the classes that code defines, in its order. The code must be free of syntax errors."""
    return [node.name for node in ast.parse(code).body if isinstance(node, ast.ClassDef)]


def definitions(code: str) -> str:
    """Return what code only defines: its imports, classes and functions, without what it does.

    What the server needs to build a model that is defined in client code, which it must not run. The code must be
    free of syntax errors.
    """
    kept = [
        node
        for node in ast.parse(code).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        or (isinstance(node, (ast.Import, ast.ImportFrom)) and not _of_client_api(node))
    ]
    return "\n\n".join(ast.unparse(node) for node in kept) + "\n"


def _syntax(error: SyntaxError | ValueError, code: str, first_line: int) -> Problem:
    number = getattr(error, "lineno", None)
    if number is None:  # null bytes
        return Problem(None, f"the cell is no Python program: {error}")
    lines = code.splitlines()
    text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    words = f"{getattr(error, 'msg', error)}: {text[:80]}" if text else str(getattr(error, "msg", error))
    if text.startswith(("%", "!")):
        words = f"{text[:40]!r} is for notebooks: sites run the cell as a plain Python program"
    return Problem(number + first_line - 1, words)


def _missing_calls(tree: ast.Module) -> Iterator[Problem]:
    used = _client_api_names(tree)
    if used is None:
        yield Problem(
            None,
            "the cell does not use FLARE's Client API: begin with import nvflare.client as flare, then "
            "flare.init(), flare.receive() and flare.send()",
        )
        return
    if "patch" in used:
        return
    for name, why in _WHY.items():
        if name not in used and (name == "init" or not used & _BOTH):
            yield Problem(None, f"the cell has no flare.{name}(): {why}")


def _client_api_names(tree: ast.Module) -> set[str] | None:
    """The names of the Client API that are used, whatever they are called here; None if it is not imported."""
    modules: set[str] = set()  # what stands for the module: a name, or a dotted one
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if _is_client_api(alias.name)}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if _is_client_api(f"{node.module}.{alias.name}") and not _is_client_api(node.module):
                    modules.add(alias.asname or alias.name)
                elif _is_client_api(node.module):
                    # Either a name of the Client API, or one of its modules.
                    used.add(alias.name)
                    modules.add(alias.asname or alias.name)
                    if alias.name == "*":
                        used |= {*_WHY}
    if not modules:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _dotted(node.value) in modules:
            used.add(node.attr)
    return used


def _is_client_api(module: str) -> bool:
    return module == CLIENT_API or module.startswith(f"{CLIENT_API}.")


def _of_client_api(node: ast.Import | ast.ImportFrom) -> bool:
    return any(_is_client_api(name) for name in _modules(node))


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""


def _imported_modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _modules(node)


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names] if node.module and not node.level else []


def _unknown_names(tree: ast.Module, first_line: int, notebook: Collection[str]) -> Iterator[Problem]:
    """Names that are read and bound nowhere in the program.

    Knows nothing of scopes: a name that is bound in one function and read in another is none of these. So what it
    says is wrong for sure, whatever it does not say.
    """
    bound = _bound_names(tree)
    if "*" in bound:  # import *: anything may have come with it
        return
    known = bound | _SCRIPT | set(dir(builtins))
    told: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in known and node.id not in told:
            told.add(node.id)
            line = node.lineno + first_line - 1
            if node.id in notebook:
                yield Problem(
                    line,
                    f"{node.id!r} is a variable of this notebook, which sites do not have: define it in the cell, or "
                    f"pass it with --arg {node.id} and read it with argparse",
                )
            else:
                yield Problem(line, f"{node.id!r} is not defined in the cell")


def _bound_names(tree: ast.Module) -> set[str]:
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Global):
            bound.update(node.names)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            bound.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            bound.add(node.rest)
        elif type(node).__name__ in ("TypeVar", "ParamSpec", "TypeVarTuple"):  # of Python 3.12
            bound.add(node.name)  # type: ignore[attr-defined]
    return bound
