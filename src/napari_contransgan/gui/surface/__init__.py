"""Show a phase map as a 3D surface."""
