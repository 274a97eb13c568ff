"""Adapt a network to the user's microscope, from one focus stack."""
