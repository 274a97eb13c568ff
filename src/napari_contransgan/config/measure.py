"""Settings of measurements."""

from typing import Annotated

from pydantic import Field

from napari_contransgan.config.base import Settings


class MeasureSettings(Settings):
    """How the objects of a phase map are found and measured.

    Parameters
    ----------
    threshold_rad : float or None
        Phase above the background from which a pixel belongs to an object; None chooses it from the map. Labels take
        its place where they are given.
    smallest_area_um2 : float
        Smaller objects are left out. Given labels are all measured.
    refractive_increment_um3_per_pg : float
        Rise of the refractive index with the concentration of dry matter, in um^3/pg, which is the same as ml/g.
    largest_step_um : float or None
        How far an object may move between two frames of a time series; None takes the typical diameter of the objects.
    frames_missing : int
        For how many frames an object may be missing within its track.
    """

    threshold_rad: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    smallest_area_um2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 20.0
    refractive_increment_um3_per_pg: Annotated[float, Field(ge=0.05, le=0.5)] = 0.19
    largest_step_um: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    frames_missing: Annotated[int, Field(ge=0)] = 0
