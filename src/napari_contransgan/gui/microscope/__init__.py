"""The digital microscope."""
