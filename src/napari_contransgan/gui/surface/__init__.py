"""A map as a 3D surface."""
