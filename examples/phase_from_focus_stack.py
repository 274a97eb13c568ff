# %% [markdown]
# # Phase from a focus stack
#
# Three bright-field planes, 3 µm apart, become a phase map in radians by the transport of intensity equation (TIE).
# The stack comes from the simulator here, so that the true phase is known. With your own file, replace the path.

# %%
import tempfile
from pathlib import Path

import napari_contransgan as ncg

folder = ncg.simulate(
    Path(tempfile.mkdtemp()) / "cells", specimen="hela", objective="40x", count=1, field_px=160, seed=4
)
stack_path = folder / "stack" / "0000.ome.tif"

# %% [markdown]
# `retrieve_phase` takes a path, an image or an array. Pixel size and plane distance come from the file; state them
# (`pixel_size_um=0.1625, dz_um=3.0`) where it has none.

# %%
result = ncg.retrieve_phase(stack_path)
print(f"largest phase: {result.phase.data.max():.2f} rad")
for note in result.notes:
    print("note:", note)

# %% [markdown]
# Compare it with the true phase. An empty map would have the scores in brackets.

# %%
scores = ncg.evaluate(result.phase, folder / "phase" / "0000.ome.tif", data_range_rad=4.0).scores
print(f"SSIM {scores.ssim:.3f} ({scores.ssim_zero:.3f}), slope {scores.slope:.2f}, error {scores.rmse_rad:.3f} rad")

# %% [markdown]
# Save it as an OME-TIFF that keeps pixel size, units and settings. The uncertainty is a map of its own.

# %%
ncg.write_image(folder / "phase_by_tie.ome.tif", result.phase)
ncg.write_image(folder / "uncertainty.ome.tif", result.uncertainty)
