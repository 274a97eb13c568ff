"""Adapting a network to the user's microscope, in the window."""
