# %% [markdown]
# # Phase from one low-power image
#
# The bundled network predicts the phase that a 40x objective would give from a single bright-field frame at 10x.
# A prediction is not a measurement: compare it once with a measured phase of your own specimen.

# %%
import tempfile
from pathlib import Path

import napari_contransgan as ncg

folder = ncg.simulate(
    Path(tempfile.mkdtemp()) / "cells", specimen="hela", objective="10x", count=1, field_px=224, seed=5
)
frame_path = folder / "lr" / "0000.ome.tif"

# %%
prediction = ncg.predict(frame_path)
print(f"{prediction.phase.data.shape} pixels of {prediction.phase.pixel_size_um} µm")
for note in prediction.phase.settings["predict"]["notes"]:
    print("note:", note)

# %% [markdown]
# With `trust=True` there is also a map of the likely error of each pixel, and one sentence for the image. With
# `orientations=8` the image is predicted turned and mirrored too. It takes eight times as long, and gives a calmer
# phase.

# %%
trusted = ncg.predict(frame_path, trust=True, orientations=8)
assert trusted.uncertainty is not None
print(trusted.phase.settings["predict"]["error_in_words"])

# %%
scores = ncg.evaluate(trusted.phase, folder / "phase" / "0000.ome.tif", data_range_rad=4.0).scores
print(f"SSIM {scores.ssim:.3f} ({scores.ssim_zero:.3f}), PSNR {scores.psnr_db:.1f} dB, slope {scores.slope:.2f}")
