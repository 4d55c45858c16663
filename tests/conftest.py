"""Settings of the whole suite."""

import os

# Workers of pytest-xdist share the cores. With a pool of threads in each, the small
# matrices of tests wait for each other: read before NumPy and torch are imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    n_workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    n_threads = max(1, (os.cpu_count() or 1) // n_workers)
    os.environ.setdefault("OMP_NUM_THREADS", str(n_threads))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ["OMP_NUM_THREADS"])
