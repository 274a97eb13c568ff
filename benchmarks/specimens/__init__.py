"""Do simulated specimens look like real ones? Statistics and pictures of both."""
