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
    rim_um : float
        How far the thin rim of a found object may reach beyond the threshold; 0 measures what is above it.
    refractive_increment_um3_per_pg : float
        Rise of the refractive index with the concentration of dry mass, in um^3/pg, which is the same as ml/g.
    largest_step_um : float or None
        Largest movement between two frames of a time series; None uses the typical diameter of the objects.
    frames_missing : int
        Number of frames for which an object may be missing within its track.
    """

    threshold_rad: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None,
        title="Threshold (rad)",
        description="Phase above the background from which a pixel belongs to an object. Empty: five times the noise "
        "of the background, and at least 0.1 rad. Not used with a labels layer.",
        json_schema_extra={"empty": "automatic"},
    )
    smallest_area_um2: float = Field(
        20.0,
        ge=0,
        allow_inf_nan=False,
        title="Smallest area (µm²)",
        description="Smaller objects are left out. Not used with a labels layer.",
    )
    rim_um: float = Field(
        6.0,
        ge=0,
        allow_inf_nan=False,
        title="Rim (µm)",
        description="How far the thin rim of an object may reach beyond the threshold. It ends where its phase reaches "
        "the noise of the background. 0: only what is above the threshold. Not used with a labels layer.",
    )
    refractive_increment_um3_per_pg: float = Field(
        0.19,
        ge=0.05,
        le=0.5,
        title="Increment (µm³/pg)",
        description="Rise of the refractive index with the concentration of dry matter; the same number in ml/g. "
        "0.18 to 0.21 for cells.",
    )
    largest_step_um: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None,
        title="Largest step (µm)",
        description="How far an object may move between two frames of a time series. Empty: the typical diameter of "
        "the objects.",
        json_schema_extra={"empty": "automatic"},
    )
    frames_missing: int = Field(
        0,
        ge=0,
        le=100_000,
        title="Missing frames",
        description="For how many frames an object may be missing within its track.",
    )
