"""Test networks on real images."""
