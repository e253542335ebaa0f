"""What is right and what is wrong with a startup kit, as a table."""

from __future__ import annotations

from ..kit import KitReport
from ..kit.report import GLYPHS
from .static_html import _environment


class KitCheckup(KitReport):
    """A :class:`.KitReport` that a notebook shows as a table."""

    @classmethod
    def of(cls, report: KitReport) -> KitCheckup:
        """Return `report` in the form that is shown."""
        return cls(report.location, report.findings)

    def _repr_html_(self) -> str:
        # The sentences are clean since the report was made, and the template escapes.
        rows = [(f.name, GLYPHS[f.outcome], f.outcome, f.sentence) for f in self.findings]
        return _environment().get_template("kit.html.j2").render(headline=self.headline, rows=rows)
