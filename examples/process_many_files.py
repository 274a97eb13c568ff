# %% [markdown]
# # Process many files
#
# Every focus stack of a folder becomes a phase map, and all their cells one table. A file that cannot be used is named
# and left out, and what is already there is not computed again, so the script can be run once more after an
# interruption. Replace `stacks` and `out` by your own folders.

# %%
import csv
import tempfile
from pathlib import Path

import napari_contransgan as ncg
from napari_contransgan.errors import InputError

work = Path(tempfile.mkdtemp())
plate = ncg.simulate(work / "plate", specimen="hela", objective="40x", count=2, scene="sparse", field_px=128, seed=4)
stacks, out = plate / "stack", work / "measured"
(stacks / "broken.ome.tif").write_bytes(b"not a TIFF")

# %%
out.mkdir(exist_ok=True)
left_out: dict[str, str] = {}
for path in sorted(stacks.glob("*.tif")):
    if (out / path.name).exists():
        continue
    try:
        result = ncg.retrieve_phase(path)
    except InputError as error:
        left_out[path.name] = str(error)
        continue
    ncg.write_image(out / path.name, result.phase)
    print(path.name, f"up to {result.phase.data.max():.2f} rad", *result.notes)
for name, reason in left_out.items():
    print(f"left out: {name}: {reason}")
assert list(left_out) == ["broken.ome.tif"]

# %% [markdown]
# One table for all cells; the first column names the file.

# %%
with (work / "cells.csv").open("w", newline="", encoding="utf-8") as file:
    table = csv.writer(file)
    table.writerow(["file", "cell", "area_um2", "dry_mass_pg", "touches_edge"])
    for path in sorted(out.glob("*.tif")):
        for cell in ncg.measure(path).objects:
            table.writerow(
                [path.name, cell.label, f"{cell.area_um2:.1f}", f"{cell.dry_mass_pg:.2f}", cell.touches_edge]
            )
print((work / "cells.csv").read_text(encoding="utf-8"))

# %% [markdown]
# Single images are predicted in the same way, with `ncg.predict(path).phase` in place of `ncg.retrieve_phase(path)`.
