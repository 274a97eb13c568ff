"""Measure phase maps: area, phase and dry mass of objects, tracks over time, and profiles along a line."""

from napari_contransgan.measuring.finding import find_objects
from napari_contransgan.measuring.growth import Growth, growth_of
from napari_contransgan.measuring.objects import MeasuredFrame, MeasuredObject, measure_frame
from napari_contransgan.measuring.profiles import Profile, profile_along
from napari_contransgan.measuring.series import Measurement, measure_objects
from napari_contransgan.measuring.tables import (
    COLUMNS,
    object_rows,
    write_beads,
    write_growth,
    write_objects,
    write_profiles,
    write_scores,
)
from napari_contransgan.measuring.tracks import link_objects

__all__ = [
    "COLUMNS",
    "Growth",
    "MeasuredFrame",
    "MeasuredObject",
    "Measurement",
    "Profile",
    "find_objects",
    "growth_of",
    "link_objects",
    "measure_frame",
    "measure_objects",
    "object_rows",
    "profile_along",
    "write_beads",
    "write_growth",
    "write_objects",
    "write_profiles",
    "write_scores",
]
