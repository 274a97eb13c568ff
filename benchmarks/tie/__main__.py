"""Print all tables of the TIE benchmark."""

import time

from benchmarks.tie import beads, calibration, directions, exact, fields, focus, light, speed, stress

PARTS = (
    ("Exact and real references", exact.main),
    ("Noisy simulated fields", fields.main),
    ("Bead heights", beads.main),
    ("Faults", stress.main),
    ("Slow changes of the lighting", light.main),
    ("Direction", directions.main),
    ("Plane in focus", focus.main),
    ("Stated uncertainty, by kind of field", calibration.main),
    ("Time and memory", speed.main),
)

for title, run in PARTS:
    print(f"\n## {title}\n", flush=True)
    started = time.perf_counter()
    run()
    print(f"({time.perf_counter() - started:.0f} s)", flush=True)
