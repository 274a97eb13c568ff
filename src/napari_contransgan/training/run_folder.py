"""What lies in the folder of a run, and reading it back; without torch, so that a window can do it at once."""

CONFIG, METRICS, PREVIEWS = "config.yaml", "metrics.jsonl", "previews"
LAST, BEST = "last.safetensors", "best.safetensors"
