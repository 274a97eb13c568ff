"""Error maps, unusual images, large images and folders."""
