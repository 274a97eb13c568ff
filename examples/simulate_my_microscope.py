# %% [markdown]
# # Simulate your own microscope
#
# How far should the condenser be closed? The digital microscope takes the same field with three settings. TIE and the
# bundled network are scored on each against the true phase, which only a simulation can give.

# %%
import tempfile
from pathlib import Path

import napari_contransgan as ncg
from napari_contransgan.config.microscope import CameraModel, Microscope
from napari_contransgan.optics import Objective

work = Path(tempfile.mkdtemp())
mine = Microscope(
    name="upright stand in room 12",
    wavelength_um=0.525,
    bandwidth_um=0.03,
    objectives={
        "10x": Objective(magnification=10, numerical_aperture=0.3),
        "40x": Objective(magnification=40, numerical_aperture=0.65),
    },
    camera=CameraModel(pixel_um=6.5, full_well_e=30_000, read_noise_e=1.6),
)
for note in mine.advice():
    print("advice:", note)

# %% [markdown]
# Saved as YAML, the same microscope can be loaded in the window and on the command line.

# %%
(work / "mine.yaml").write_text(mine.to_yaml(), encoding="utf-8")
assert Microscope.from_yaml(work / "mine.yaml") == mine

# %% [markdown]
# A slope of 1 means that the phase has the right scale. One small field is simulated for each setting here; use
# several larger ones for figures to rely on.

# %%
for coherence in (0.3, 0.6, 0.9):
    microscope = mine.model_copy(update={"coherence": coherence, "stack_coherence": coherence})
    fields = ncg.simulate(
        work / f"S{coherence}", specimen="hela", objective="10x", count=1, field_px=160, seed=4, microscope=microscope
    )
    truth = fields / "phase" / "0000.ome.tif"
    by_tie = ncg.evaluate(fields / "tie" / "0000.ome.tif", truth, data_range_rad=4.0).scores
    predicted = ncg.predict(fields / "lr" / "0000.ome.tif").phase
    by_network = ncg.evaluate(predicted, truth, data_range_rad=4.0).scores
    print(f"S = {coherence}: slope {by_tie.slope:.2f} by TIE, {by_network.slope:.2f} by the network")
