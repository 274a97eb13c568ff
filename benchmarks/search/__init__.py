"""Which network, loss and target serve best at equal compute."""
