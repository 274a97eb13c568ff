"""Measure the speed of training, where its time goes, the scale of the output, and the faults a run survives."""
