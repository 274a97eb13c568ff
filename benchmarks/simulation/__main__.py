"""Print all tables of the simulation benchmark."""

from benchmarks.simulation import convergence, speed

print("## Time\n", flush=True)
speed.main()
print("\n## Accuracy", flush=True)
convergence.main()
