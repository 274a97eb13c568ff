"""Compare simulated specimens with real ones, by statistics and pictures."""
