"""Networks on real images."""
