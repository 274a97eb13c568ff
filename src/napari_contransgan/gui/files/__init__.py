"""Readers, writers and sample images of napari."""
