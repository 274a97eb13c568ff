"""Runs that were trained before, and their curves and previews."""
