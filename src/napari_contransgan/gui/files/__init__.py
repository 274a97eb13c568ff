"""File readers, the file writer and the sample images for napari."""
