"""Compare the TIE solvers in one run: python -m benchmarks.tie, or make bench-tie."""
