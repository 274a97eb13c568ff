"""The network of the error map: its fields, its training and its calibration."""
