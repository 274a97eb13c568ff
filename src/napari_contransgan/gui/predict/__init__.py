"""Phase from one image by a network."""
