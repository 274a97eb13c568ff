"""Networks: the Contrans generator, its baselines, the discriminator, checkpoints and the bundled weights."""
