"""Predict phase from one image with a network."""
