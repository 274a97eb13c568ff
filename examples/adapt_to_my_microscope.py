# %% [markdown]
# # Adapt a network to your microscope
#
# One focus stack of your own specimen tells the network how much contrast a radian makes in your microscope. Here a
# simulated microscope with an unusual condenser is used in place of yours. A real adaptation takes about a minute;
# this one takes two steps, to show the calls.

# %%
import tempfile
from pathlib import Path

import napari_contransgan as ncg
from napari_contransgan.adapting.events import AdaptStarted
from napari_contransgan.config.microscope import Microscope

work = Path(tempfile.mkdtemp())
mine = Microscope(coherence=0.3, stack_objective="10x", stack_coherence=0.3, stack_dz_um=5.0)
cells = ncg.simulate(
    work / "cells", specimen="hela", objective="10x", count=1, scene="dense", field_px=256, seed=12, microscope=mine
)


# %% [markdown]
# The stack is taken with the objective whose frames will be predicted. Its phase by TIE is what the network learns.


# %%
def show(event: object) -> None:
    """Print what is kept back to be scored on."""
    if isinstance(event, AdaptStarted):
        print(event.message, *event.notes, sep="\n")


result = ncg.adapt(
    cells / "stack" / "0000.ome.tif",
    work / "my-10x",
    name="my 10x",
    progress=show,
    steps=2,
    replay_images=2,
    simulated_images=2,
)
print(result.kept, result.before, result.after, sep="\n")

# %% [markdown]
# From now on, predict with it.

# %%
phase = ncg.predict(cells / "lr" / "0000.ome.tif", model=str(result.checkpoint)).phase
print(phase.settings["predict"]["network"], phase.data.shape)
