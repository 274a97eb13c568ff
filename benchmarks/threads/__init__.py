"""How fast prediction and training are alone and while other programs keep the processor busy."""
