# %% [markdown]
# # Measure cells
#
# A phase map becomes a table: area, phase and dry mass of each cell, with a standard error. The phase comes from a
# simulated focus stack here. Any other phase map in radians can take its place.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import napari_contransgan as ncg

work = Path(tempfile.mkdtemp())
cells = ncg.simulate(
    work / "cells", specimen="hela", objective="40x", count=1, scene="sparse", field_px=240, seed=4, inside_frame=True
)
result = ncg.retrieve_phase(cells / "stack" / "0000.ome.tif")

# %% [markdown]
# The uncertainty of the phase gives each dry mass its standard error. With `labels=` you can give the objects that
# Cellpose, StarDist or micro-sam found; otherwise they are found by a threshold.

# %%
found = ncg.measure(result.phase, uncertainty=result.uncertainty)
for cell in found.objects:
    cut = ", cut by the border" if cell.touches_edge else ""
    print(f"cell {cell.label}: {cell.area_um2:.0f} µm², {cell.dry_mass_pg:.0f} ± {cell.dry_mass_std_pg:.1f} pg{cut}")
for note in found.notes:
    print("note:", note)

# %% [markdown]
# Cells that the border cuts are too light. Leave them out, and draw the others.

# %%
whole = [cell for cell in found.objects if not cell.touches_edge]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
left.imshow(result.phase.data, vmin=0)
left.contour(found.labels > 0, levels=[0.5], colors="white", linewidths=0.7)
left.set_title("phase (rad)")
right.errorbar(
    [cell.area_um2 for cell in whole],
    [cell.dry_mass_pg for cell in whole],
    yerr=[cell.dry_mass_std_pg for cell in whole],
    fmt="o",
)
right.set(xlabel="area (µm²)", ylabel="dry mass (pg)")
figure.savefig(work / "cells.png")

# %% [markdown]
# The same table as the command `measure` writes:

# %%
from napari_contransgan.measuring import write_objects  # noqa: E402

write_objects(work / "cells.csv", {"cells": found.objects})
print((work / "cells.csv").read_text(encoding="utf-8").splitlines()[0])
