"""How long the napari window does not answer while the plugin works in it."""
