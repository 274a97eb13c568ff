"""What the TIE solvers are worth, in one run: python -m benchmarks.tie, or make bench-tie."""
