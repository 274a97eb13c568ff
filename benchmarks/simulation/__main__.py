"""All tables of the simulator's benchmark, one after the other."""

from benchmarks.simulation import convergence, speed

print("## Time\n", flush=True)
speed.main()
print("\n## Accuracy", flush=True)
convergence.main()
