"""How fast training is, where its time goes, how exact its networks' scale is, and what a run survives."""
