"""Report of axe-core, the checker of accessibility, on a part of a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Locator

_AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
# JupyterLab's body is zero pixels high and hides what overflows: the checker believes that nothing can be seen.
_RUN = """async root => {
  const tall = [document.documentElement, document.body];
  for (const element of tall) element.style.minHeight = '100vh';
  try {
    return (await window.axe.run(root, { resultTypes: ['violations'] })).violations;
  } finally {
    for (const element of tall) element.style.minHeight = '';
  }
}"""


def serious(root: Locator) -> list[str]:
    """Return what keeps people from using an element, a sentence each; empty when nothing does."""
    page = root.page
    if not page.evaluate("() => !!window.axe"):
        # As code, not as an element: a page may forbid scripts that are not its own. And away from AMD loaders.
        page.evaluate(f"() => {{ const define = undefined, module = undefined; {_AXE.read_text(encoding='utf-8')} }}")
    violations: list[dict[str, Any]] = root.evaluate(_RUN)
    return [
        f"{v['id']} ({v['impact']}): {v['help']}: {', '.join(n['html'][:200] for n in v['nodes'])}"
        for v in violations
        if v["impact"] in ("serious", "critical")
    ]
