"""The tables and plots that the command measure writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_contransgan.evaluation import BeadHeight
    from napari_contransgan.measuring import Growth, MeasuredObject, Profile


@dataclass
class MeasuredFiles:
    """What was measured, to be written next to the table of the objects.

    Parameters
    ----------
    out : Path
        Table of the objects.
    plots : str or None
        Type of the plots: png, svg or none.
    """

    out: Path
    plots: str | None
    objects: "dict[str, Sequence[MeasuredObject]]" = field(default_factory=dict)
    growth: "dict[str, Sequence[Growth]]" = field(default_factory=dict)
    beads: "dict[str, Sequence[BeadHeight]]" = field(default_factory=dict)
    profiles: "list[Profile]" = field(default_factory=list)

    def write(self) -> Mapping[str, Path]:
        """Write everything, and return the files by what they hold."""
        from napari_contransgan.measuring import write_beads, write_growth, write_objects, write_profiles

        write_objects(self.out, self.objects)
        written = {"table": self.out}
        if self.profiles:
            written["profile"] = self._next_to("profile")
            write_profiles(written["profile"], self.profiles)
        if self.growth:
            written["growth"] = self._next_to("growth")
            write_growth(written["growth"], self.growth)
        if self.beads:
            written["bead_heights"] = self._next_to("beads")
            write_beads(written["bead_heights"], self.beads)
        return written | (self._draw() if self.plots is not None else {})

    def _draw(self) -> dict[str, Path]:
        from napari_contransgan.drawing import save_figure
        from napari_contransgan.measuring.plots import draw_bead_heights, draw_growth, draw_profiles

        figures: dict[str, Figure] = {}
        if self.profiles:
            figures["profile"] = draw_profiles(self.profiles)
        if self.growth:
            figures["growth"] = draw_growth([one for some in self.growth.values() for one in some])
        if self.beads:
            figures["beads"] = draw_bead_heights([bead for some in self.beads.values() for bead in some])
        drawn: dict[str, Path] = {}
        for name, figure in figures.items():
            drawn[f"{name}_plot"] = self._next_to(name, f".{self.plots}")
            save_figure(drawn[f"{name}_plot"], figure)
        return drawn

    def _next_to(self, name: str, suffix: str = ".csv") -> Path:
        return self.out.with_name(f"{self.out.stem}_{name}{suffix}")
