"""Training: data, losses, steps, and a run as an iterator of events."""
