"""Measure phase maps: area, phase and dry mass of objects, tracks over time, and profiles along a line."""

from napari_contransgan.measuring.objects import MeasuredFrame, MeasuredObject, find_objects, measure_frame
from napari_contransgan.measuring.profiles import Profile, profile_along
from napari_contransgan.measuring.series import Measurement, measure_objects
from napari_contransgan.measuring.tables import COLUMNS, object_rows, write_objects, write_profiles
from napari_contransgan.measuring.tracks import link_objects

__all__ = [
    "COLUMNS",
    "MeasuredFrame",
    "MeasuredObject",
    "Measurement",
    "Profile",
    "find_objects",
    "link_objects",
    "measure_frame",
    "measure_objects",
    "object_rows",
    "profile_along",
    "write_objects",
    "write_profiles",
]
