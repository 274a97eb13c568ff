"""Earlier training runs: their curves and previews."""
