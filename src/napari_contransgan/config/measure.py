"""Settings for measurements."""

from typing import Annotated

from pydantic import Field

from napari_contransgan.config.base import Settings


class MeasureSettings(Settings):
    """Settings for finding and measuring the objects of a phase map.

    Parameters
    ----------
    threshold_rad : float or None
        Phase above the background from which on a pixel belongs to an object; None chooses it from the map. It is not
        used if labels are given.
    smallest_area_um2 : float
        Smaller objects are left out. Given labels are all measured.
    refractive_increment_um3_per_pg : float
        Rise of the refractive index with the concentration of dry matter, in um^3/pg, which is the same as ml/g.
    largest_step_um : float or None
        Largest movement between two frames of a time series; None uses the typical diameter of the objects.
    frames_missing : int
        Number of frames for which an object may be missing within its track.
    """

    threshold_rad: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    smallest_area_um2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 20.0
    refractive_increment_um3_per_pg: Annotated[float, Field(ge=0.05, le=0.5)] = 0.19
    largest_step_um: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    frames_missing: Annotated[int, Field(ge=0)] = 0
