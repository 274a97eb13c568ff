"""Test networks far from the usual focus and light."""
