"""The names of metrics in client code, and the key metric that follows from them."""

from __future__ import annotations

import pytest

from flare_widgets.authoring.metric_names import MetricNames, choose_key_metric, find_metric_names


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ('flare.FLModel(params=p, metrics={"loss": a, "acc": f(x)})', "loss acc"),
        ("from nvflare.client import FLModel as M\nM(metrics=dict(loss=1, **more))\nmore = {'f1': 2}", "loss f1"),
        ("FLModel(None, p, None, {'a': 1})", "a"),
        ("m = {}\nm['a'] = 1\nm.update(b=2)\nm.update({'c': 3})\nm.setdefault('d', 4)\nFLModel(metrics=m)", "a b c d"),
        ("FLModel(metrics={**x, 'a': 1})\nx = {'q': 2}", "q a"),
        ("x: dict = {'a': 1}\nx |= {'b': 2}\nFLModel(metrics=x)", "a b"),
        ("FLModel(metrics={'a': 1} | {'b': 2})", "a b"),
        ("FLModel(metrics={'a': 1} if late else {'b': 2})", "a b"),
        ("FLModel(metrics=(m := {'a': 1}))", "a"),
        ("def f():\n    m = {'a': 1}\n    return m\nFLModel(metrics=f())", "a"),
        ("def f(n):\n    return f(n - 1) if n else {'a': 1}\nFLModel(metrics=f(3))", "a"),
        ("out = FLModel(params=1)\nout.metrics = {'a': 1}\nout.metrics['b'] = 2", "a b"),
        ("@flare.evaluate\ndef f(model):\n    return {'a': 1}", "a"),
        ("FLModel(metrics={'a': 1, 'comment': 'text', 'none': None})", "a"),
        ("FLModel(metrics={'a': 1}) if x else FLModel(metrics={'a': 2, 'b': 3})", "a b"),
        ("FLModel(params=1)", ""),
        ("FLModel(params=1, metrics=None)", ""),
    ],
)
def test_written_names_are_found(code: str, names: str) -> None:
    assert find_metric_names(code) == MetricNames(tuple(names.split()), True)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("x = 1", ""),
        ("FLModel(metrics=library.evaluate())", ""),
        ("FLModel(metrics=evaluate())\nfrom library import evaluate", ""),
        ("FLModel(metrics={f'loss_{n}': 1, 'a': 2})", "a"),
        ("FLModel(metrics={k: 1 for k in names})", ""),
        ("FLModel(**arguments)", ""),
        ("loss, m = train()\nFLModel(metrics=m)", ""),
        ("def send(metrics):\n    FLModel(metrics=metrics)\nsend({'a': 1})", ""),
        ("m = {'a': 1}\nother = m\nother['b'] = 2\nFLModel(metrics=m)", "a"),
        ("m = {'a': 1}\nadd(m)\ndef add(d):\n    d['b'] = 2\nFLModel(metrics=m)", "a"),
        ("m = {}\nfor k in ks:\n    m[k] = 1\nFLModel(metrics=m)", ""),
        ("a = b\nb = a\nFLModel(metrics=a)", ""),
        ("FLModel(metrics=" + "|".join(["{'a': 1}"] * 100) + ")", "a"),
        ("FLModel(metrics=m)\nfrom data import m", ""),
    ],
)
def test_computed_names_are_marked_as_unknown(code: str, names: str) -> None:
    assert find_metric_names(code) == MetricNames(tuple(names.split()), False)


@pytest.mark.parametrize("code", ["self.metrics = x\nFLModel(params=1)", "sklearn.metrics.f1(x)\nFLModel(params=1)"])
def test_other_things_called_metrics_do_not_count(code: str) -> None:
    assert find_metric_names(code) == MetricNames((), True)


@pytest.mark.parametrize(
    ("names", "is_complete", "given", "chosen", "note"),
    [
        (["loss"], True, "", "loss", ""),
        (["loss"], False, "", "", ""),
        (["accuracy", "loss"], True, "", "", ""),
        (["accuracy"], True, "", "", ""),
        ([], True, "", "", ""),
        (["loss", "f1"], True, "", "", "the cell sends 2 metrics (loss, f1): choose the one that selects the best"),
        (["loss", "f1"], True, "f1", "f1", ""),
        (["loss", "f1"], True, "f2", "f2", "the cell sends no metric 'f2' (it sends loss, f1), so no best model"),
        (["loss", "f1"], False, "f2", "f2", ""),
        ([], True, "f2", "f2", "(it sends none)"),
    ],
)
def test_key_metric_is_chosen_if_there_is_one(
    names: list[str], is_complete: bool, given: str, chosen: str, note: str
) -> None:
    choice = choose_key_metric(MetricNames(tuple(names), is_complete), given)
    assert choice.name == chosen
    assert note in choice.note
    assert bool(note) is bool(choice.note)
