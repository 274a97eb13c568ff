# %% [markdown]
# # Train a network on simulated images
#
# A real training takes hours. This one takes three steps of a tiny network, to show the calls. Interrupted, the same
# call with `resume=True` continues exactly where it stopped.

# %%
import tempfile
from pathlib import Path

import napari_contransgan as ncg
from napari_contransgan.training.events import StepFinished

work = Path(tempfile.mkdtemp())
pairs = ncg.simulate(work / "cells", specimen="hela", objective="10x", count=3, field_px=96, seed=6)


# %%
def show(event: object) -> None:
    """Print the losses of each step."""
    if isinstance(event, StepFinished):
        print(event.step, {name: round(value, 3) for name, value in event.losses.items()})


checkpoint = ncg.train(
    work / "run", pairs=pairs, preset="tiny", steps=3, batch_size=1, crop_px=64, device="cpu", progress=show
)

# %% [markdown]
# The checkpoint is a network like the bundled ones.

# %%
phase = ncg.predict(pairs / "lr" / "0000.ome.tif", model=str(checkpoint)).phase
print(phase.settings["predict"]["network"], phase.data.shape)
