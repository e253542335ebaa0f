"""Checks of client code without running it. Pure functions over its syntax tree.

Client code runs at the sites, in other processes on other machines, where a mistake costs a minute and comes back as
a line in a log. The most common mistakes are found here: a typing error, a forgotten call of FLARE's Client API, and
a variable that exists only in the notebook.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

#: The module of the Client API, and its variants for frameworks, whose ``patch`` does all the rest.
CLIENT_API_MODULE = "nvflare.client"

# Replacements for receiving and sending: the decorators of the Client API, and patched trainers.
_LINE_END = re.compile(r"\r\n|\r|\n")  # as Python counts lines: str.splitlines knows more
_RECEIVE_AND_SEND_NAMES = frozenset({"train", "evaluate", "patch"})

_MISSING_CALL_HINTS = {
    "init": "begin with flare.init(), which connects the code to its site",
    "receive": "without flare.receive() the site never gets the model",
    "send": "without flare.send() the server never gets the site's result",
}

# The names that every script has besides the builtins.
_SCRIPT_NAMES = frozenset({"__name__", "__file__", "__doc__", "__builtins__", "__spec__", "__loader__", "__package__"})


@dataclass(frozen=True)
class CodeProblem:
    """Something that will not work at a site.

    Attributes
    ----------
    line
        The line number in the cell, as the notebook counts; None if something is missing.
    message
        The problem, and what to do about it.
    """

    line: int | None
    message: str

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


def check_code(code: str, *, first_line: int = 1, notebook_names: Collection[str] = ()) -> list[CodeProblem]:
    """Return the problems that would make client code fail at a site.

    Parameters
    ----------
    code
        The client code: a Python program that uses FLARE's Client API.
    first_line
        The number of its first line: 2 in a cell that begins with ``%%flare``.
    notebook_names
        The names of the notebook's variables, which sites do not have.

    Returns
    -------
    list of CodeProblem
        In the order of the lines; empty if no problem was found.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError) as error:
        return [_make_syntax_problem(error, code, first_line)]
    return sorted(
        [*_find_missing_calls(tree), *_find_unknown_names(tree, first_line, notebook_names)],
        key=lambda problem: problem.line or 0,
    )


def guess_framework(code: str) -> str:
    """Return the framework that code uses, by its imports: ``pytorch``, ``sklearn``, else ``numpy``.

    The code must be free of syntax errors.
    """
    roots = {name.split(".")[0] for name in _imported_modules(ast.parse(code))}
    if roots & {"torch", "lightning", "pytorch_lightning"}:
        return "pytorch"
    return "sklearn" if "sklearn" in roots else "numpy"


def list_classes(code: str) -> list[str]:
    """Return the names of the classes that code defines, in source order. The code must have no syntax errors."""
    return [node.name for node in ast.parse(code).body if isinstance(node, ast.ClassDef)]


def extract_definitions(code: str) -> str:
    """Return only the definitions of code, in the same lines: imports, classes and functions, no other statements.

    The server needs them to build a model that is defined in client code, which it must not run. The code must have
    no syntax errors.
    """
    nodes = ast.parse(code).body
    kept = [node for node in nodes if _is_definition(node)]
    lines = {number for node in kept for number in _line_numbers(node)}
    others = {number for node in nodes if node not in kept for number in _line_numbers(node)}
    if lines & others:  # several statements in a line
        return "\n\n".join(ast.unparse(node) for node in kept) + "\n"
    numbered = enumerate(_LINE_END.split(code), 1)
    return "\n".join(line if number in lines else "" for number, line in numbered) + "\n"


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return not _imports_client_api(node)
    return isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))


def _line_numbers(node: ast.stmt) -> range:
    """Return the lines of a statement, with its decorators."""
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    return range(first, (node.end_lineno or node.lineno) + 1)


def _make_syntax_problem(error: SyntaxError | ValueError, code: str, first_line: int) -> CodeProblem:
    number = getattr(error, "lineno", None)
    if number is None:  # null bytes
        return CodeProblem(None, f"the cell is not valid Python: {error}")
    lines = code.splitlines()
    text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    words = f"{getattr(error, 'msg', error)}: {text[:80]}" if text else str(getattr(error, "msg", error))
    if text.startswith(("%", "!")):
        words = f"{text[:40]!r} works only in notebooks: sites run the cell as a plain Python program"
    return CodeProblem(number + first_line - 1, words)


def _find_missing_calls(tree: ast.Module) -> Iterator[CodeProblem]:
    used = _find_client_api_names(tree)
    if used is None:
        yield CodeProblem(
            None,
            "the cell does not use FLARE's Client API: begin with import nvflare.client as flare, then "
            "flare.init(), flare.receive() and flare.send()",
        )
        return
    if "patch" in used:
        return
    for name, why in _MISSING_CALL_HINTS.items():
        if name not in used and (name == "init" or not used & _RECEIVE_AND_SEND_NAMES):
            yield CodeProblem(None, f"the cell has no flare.{name}(): {why}")


def _find_client_api_names(tree: ast.Module) -> set[str] | None:
    """Return the Client API's names that are used, whatever their aliases here; None if it is not imported."""
    modules: set[str] = set()  # the names of the module here: a name, or a dotted one
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
                        used |= {*_MISSING_CALL_HINTS}
    if not modules:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _dotted_name(node.value) in modules:
            used.add(node.attr)
    return used


def _is_client_api(module: str) -> bool:
    return module == CLIENT_API_MODULE or module.startswith(f"{CLIENT_API_MODULE}.")


def _imports_client_api(node: ast.Import | ast.ImportFrom) -> bool:
    return any(_is_client_api(name) for name in _module_names(node))


def _dotted_name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted_name(node.value)}.{node.attr}"
    return ""


def _imported_modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _module_names(node)


def _module_names(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names] if node.module and not node.level else []


def _find_unknown_names(tree: ast.Module, first_line: int, notebook_names: Collection[str]) -> Iterator[CodeProblem]:
    """Yield a problem for each name that is read but bound nowhere in the program.

    Ignores scopes: a name that is bound in one function and read in another is not reported. So every report is
    a real error, though not every error is reported.
    """
    bound = _find_bound_names(tree)
    if "*" in bound:  # import *: any name may have come with it
        return
    known = bound | _SCRIPT_NAMES | set(dir(builtins))
    told: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in known and node.id not in told:
            told.add(node.id)
            line = node.lineno + first_line - 1
            if node.id in notebook_names:
                yield CodeProblem(
                    line,
                    f"{node.id!r} is a variable of this notebook, which sites do not have: define it in the cell, or "
                    f"pass it with --arg {node.id} and read it with argparse",
                )
            else:
                yield CodeProblem(line, f"{node.id!r} is not defined in the cell")


def _find_bound_names(tree: ast.Module) -> set[str]:
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
