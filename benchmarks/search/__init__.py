"""Compare networks, losses and targets at equal processor time."""
