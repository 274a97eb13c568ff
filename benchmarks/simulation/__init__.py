"""How exact and how fast the digital microscope is."""
