"""Measure the speed of prediction and training alone and next to busy programs."""
