"""How fast the projector is, how near to what the processor could do, and how it compares with parallelproj.

    python -m benchmarks.projectors [--quick] [--full] [--parallelproj libparallelproj_c.so] [--write]

Prints tables in Markdown. parallelproj (Schramm & Thielemans 2023, doi:10.3389/fnume.2023.1324562) is used as it is, if
its Python package is installed or a path to its compiled C library is given: version 1, whose functions `joseph3d_fwd`
and `joseph3d_back` take lists of rays.
"""

import argparse
import datetime
import importlib.util
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import llvmlite.binding
import numba
import numpy as np
import psutil

from petcourse import PSF, Attenuation, Projector, Scanner, attenuation_factors, load_subject, mlem, simulate
from petcourse.hardware.gpu import gpu_name, gpu_trouble
from petcourse.hardware.machine import available_cores

RESULTS = Path(__file__).with_name("RESULTS.md")
CHILD = """
import time
import numba, numpy as np, scipy, pylops
from petcourse import Projector, Scanner
start = time.perf_counter()
X = Projector(Scanner.mmr(rings=1), 10, device="cpu")
X @ np.ones(X.dims, np.float32)
print(time.perf_counter() - start)
"""


def timed(work, times):
    """Seconds of each of several runs, and the last result."""
    seconds = []
    for _ in range(times):
        result = None  # what the run before made is freed first
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return seconds, result


def said(seconds):
    """Median and least of some times."""
    return f"{np.median(seconds):.2f} | {min(seconds):.2f} | {len(seconds)}"


class Peak:
    """Largest memory of this process in MiB while the block runs: sampled 100 times a second."""

    def __enter__(self):
        self.process, self.running, self.most = psutil.Process(), True, 0
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while self.running:
            self.most = max(self.most, self.process.memory_info().rss / 2**20)
            time.sleep(0.01)

    def __exit__(self, *_):
        self.running = False
        self.thread.join()


def alone(function, *given):
    """Run in a new process, so that neither memory nor anything else is left over from the measurement before."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *given).result()


def machine():
    """Processor, caches, memory and versions, as the system names them."""
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    caches = []
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((cache / part).read_text().strip() for part in ("level", "type", "size"))
        caches.append(f"L{level}{'' if kind == 'Unified' else kind[0].lower()} {size}")
    features = llvmlite.binding.get_host_cpu_features()
    widest = next((name for name in ("avx512f", "avx2") if features.get(name)), "no AVX2")
    versions = ", ".join(f"{package} {version(package)}" for package in ("numba", "numpy", "scipy", "pylops"))
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{name}, {available_cores()} cores, {widest}, {', '.join(caches)}, {memory:.0f} GiB; "
        f"{platform.system()}, Python {platform.python_version()}, {versions}"
    )


def interpolations(X):
    """Linear interpolations along the axis: for each ray and row inside the field of view, one for each plane."""
    rows = np.maximum(X.engine.rays.lines["last"] - X.engine.rays.lines["first"], 0).sum(dtype=np.int64)
    return int(rows) * X.dimsd[0]


@numba.njit(nogil=True, fastmath={"contract", "reassoc", "nsz"})
def cache_loop(column, sums, times):
    """The forward projection's inner loop with nothing around it, on data in the level-1 cache.

    Per value of ``sums``: eight interpolations, each of two loads at unaligned places; the sum is loaded and stored
    once per eight.
    """
    lanes, depth = np.uint64(len(sums)), np.uint64(len(column) // 8)
    k0, up = np.uint64(1), np.uint64(1)
    k1, k2, k3 = k0 + depth, k0 + np.uint64(2) * depth, k0 + np.uint64(3) * depth
    k4, k5, k6, k7 = k3 + depth, k3 + np.uint64(2) * depth, k3 + np.uint64(3) * depth, k3 + np.uint64(4) * depth
    for n in range(times):
        f = np.float32(n & 7) * np.float32(0.1)
        e = np.float32(1) - f
        for k in range(lanes):
            sums[k] += (
                ((e * column[k0 + k] + f * column[k0 + up + k]) + (e * column[k1 + k] + f * column[k1 + up + k]))
                + ((e * column[k2 + k] + f * column[k2 + up + k]) + (e * column[k3 + k] + f * column[k3 + up + k]))
            ) + (
                ((e * column[k4 + k] + f * column[k4 + up + k]) + (e * column[k5 + k] + f * column[k5 + up + k]))
                + ((e * column[k6 + k] + f * column[k6 + up + k]) + (e * column[k7 + k] + f * column[k7 + up + k]))
            )


def roofline(threads, repeats=5):
    """Interpolations per second from the level-1 cache, and bytes per second copied from memory."""
    lanes, depth, times = 128, 192, 1_500_000

    def compute(_):
        cache_loop(np.zeros(8 * depth, np.float32), np.zeros(lanes, np.float32), times)

    # Copying reads and writes each byte once (and may read the target as well, which is not counted).
    source, target = np.ones(2**25, np.float32), np.zeros(2**25, np.float32)
    parts = np.array_split(np.arange(len(source)), threads)

    def copy(part):
        target[part[0] : part[-1] + 1] = source[part[0] : part[-1] + 1]

    with ThreadPoolExecutor(threads) as pool:
        compute(0)
        computing, _ = timed(lambda: list(pool.map(compute, range(threads))), repeats)
        copying, _ = timed(lambda: list(pool.map(copy, parts)), repeats)
    return threads * 8 * lanes * times / min(computing), 2 * source.nbytes / min(copying)


def compile_pause():
    """Seconds of the first projection in a new process (whose data are tiny), without and with compiled code on disk."""
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"NUMBA_CACHE_DIR": folder}
        return [
            float(subprocess.run([sys.executable, "-c", CHILD], env=env, check=True, capture_output=True).stdout)
            for _ in range(2)
        ]


def projections(radius, threads, times):
    """Interpolations, and seconds and peak memory of (forward, back)."""
    X, found = Projector(Scanner.mmr(), radius, threads, device="cpu"), []
    for operator in (X, X.T):
        array = np.random.default_rng(0).random(operator.dims, dtype=np.float32)
        operator @ array  # once before, so that all is loaded
        with Peak() as peak:
            seconds, _ = timed(lambda: operator @ array, times)  # noqa: B023
        found.append((seconds, peak.most))
    return interpolations(X), found


def mlem_iterations(radius, times, device="cpu", scanner=None):
    """Seconds of MLEM iterations on a simulated head with attenuation, randoms and PSF, and the device's peak memory."""
    scanner = scanner or Scanner.mmr()
    X, subject = Projector(scanner, radius, device=device), load_subject("embedded", scanner)
    A = Attenuation(attenuation_factors(X, X.xp.asarray(subject.mu)))
    m, r, _ = simulate(A @ X @ PSF(scanner, 4.5), X.xp.asarray(subject.pet), scanner.pairs(), counts=1e8)
    del subject
    steps = mlem(A @ X @ PSF(scanner, 2.5), m, r, times + 1)
    next(steps)  # which also works out the sensitivity
    with Peak() as peak:
        seconds, _ = timed(lambda: finished(X, next(steps)), times)
    return seconds, peak.most if device == "cpu" else gpu_memory()


def finished(X, result):
    """Wait until the GPU is done: it computes while Python goes on."""
    if X.device == "gpu":
        X.xp.cuda.Device().synchronize()
    return result


def gpu_memory():
    """MiB that CuPy has taken from the GPU so far: it gives nothing back, so the most that was in use, or more."""
    import cupy

    return cupy.get_default_memory_pool().total_bytes() / 2**20


def gpu_projections(radius, times, scanner=None):
    """Seconds, memory and relative difference to the CPU of (forward, back) on the GPU, and the dot test."""
    scanner, rng, found, dots = scanner or Scanner.mmr(), np.random.default_rng(0), [], []
    X, cpu = Projector(scanner, radius, device="gpu"), Projector(scanner, radius, device="cpu")
    theta, m = (rng.random(shape, dtype=np.float32) for shape in (X.dims, X.dimsd))
    for operator, other, given, against in ((X, cpu, theta, m), (X.T, cpu.T, m, theta)):
        x = X.xp.asarray(given)
        finished(X, operator @ x)  # once before, so that all is compiled
        seconds, result = timed(lambda: finished(X, operator @ x), times)  # noqa: B023
        result, wanted = result.get(), other @ given
        found.append((seconds, gpu_memory(), np.linalg.norm(result - wanted) / np.linalg.norm(wanted)))
        dots.append(np.vdot(result.astype(float), against))
    return found, abs(dots[0] / dots[1] - 1)


def gpu_tables(times):
    """Yield the lines on the GPU, or one that says that there is none."""
    trouble = gpu_trouble()
    if trouble:
        yield f"\nNo GPU could be had for this run, so nothing is said of its speed ({trouble.reason.split(' (')[0]})."
        return
    import cupy

    yield f"\nOn the GPU: {gpu_name()}, CuPy {cupy.__version__}; arrays are there, and each run is waited for.\n"
    yield "| what | FOV radius [mm] | median [ms] | least [ms] | n | GPU memory [MiB] | difference to the CPU |"
    yield "|---|---|---|---|---|---|---|"
    dots = []
    for radius in (290, 150):
        rows, dot = alone(gpu_projections, radius, 4 * times)
        dots.append(f"{dot:.0e} at {radius} mm")
        for name, (seconds, memory, off) in zip(("forward", "back"), rows, strict=True):
            yield f"| {name} | {radius} | {said(np.multiply(seconds, 1e3))} | {memory:.0f} | {off:.1e} |"
    for radius in (290, 150):
        seconds, memory = alone(mlem_iterations, radius, 2 * times, "gpu")
        yield f"| MLEM iteration with PSF | {radius} | {said(np.multiply(seconds, 1e3))} | {memory:.0f} | |"
    yield f"\nDot test on the GPU, relative difference of the two products: {', '.join(dots)}."


def tables(options):
    """Yield the lines of the report as they are measured."""
    scanner, times = Scanner.mmr(), 2 if options.quick else 5
    cores = available_cores()
    yield f"Measured on {datetime.date.today()} by `{' '.join(['python -m benchmarks.projectors', *options.shown])}`."
    yield f"\nMachine: {machine()}. Load when it began: {psutil.getloadavg()[0]:.1f}.\n"
    yield (
        "What is compared with what: `X` takes one ray for each plane and bin (57 million), which differs by 0.45 % (root mean "
        "square, on a head) from following every pair of rings (280 million). Whoever compares these seconds with those of a "
        "program that follows them all, such as NiftyPET in the talk of 2019 (9.26 s for a whole MLEM iteration, its PSF "
        "included, on a GTX 1070 Max-Q), compares a fifth of the rays, on other hardware.\n"
    )
    cold, warm = compile_pause()
    yield (
        f"Projector and first projection in a new process (tiny data, libraries loaded before): {cold:.1f} s compiling, "
        f"{warm:.1f} s from the cache on disk.\n"
    )
    scaling = [2**k for k in range(8) if 2**k < cores]
    rates = {threads: roofline(threads) for threads in (*scaling, cores)}
    yield (
        "Roofline: a loop that only does what the forward projection does innermost, on data in the level-1 cache: "
        "interpolations of two loads (one of them unaligned) and two multiply-adds each, with sums loaded and stored "
        "once per eight. Beside it, the rate of copying in memory, read and written bytes.\n"
    )
    yield "| threads | G interpolations/s from level 1 | GB/s from memory |\n|---|---|---|"
    for threads, (rate, bandwidth) in rates.items():
        yield f"| {threads} | {rate / 1e9:.1f} | {bandwidth / 1e9:.1f} |"
    yield (
        "\nSeconds are the median and the least of n runs, with all planes (837), live bins (68 516 per plane) and an "
        "image of 127 x 344 x 344. Share: the time that the roofline allows for the interpolations alone, over the "
        "median. Memory: the largest of the whole process, with Python, libraries, input and result; each row's "
        "radius has a process of its own.\n"
    )
    yield "| what | FOV radius [mm] | threads | median [s] | least [s] | n | G interpolations | share | memory [MiB] |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for radius, threads in [(290, cores), (150, cores), (125, cores), *((150, n) for n in scaling)]:
        count, rows = alone(projections, radius, threads, times)
        for name, (seconds, memory) in zip(("forward", "back"), rows, strict=True):
            share = count / rates[threads][0] / np.median(seconds)
            row = f"{said(seconds)} | {count / 1e9:.2f} | {share:.0%} | {memory:.0f} |"
            yield f"| {name} | {radius} | {threads} | {row}"
    seconds, memory = alone(mlem_iterations, 150, times)
    yield f"| MLEM iteration with PSF | 150 | {cores} | {said(seconds)} | | | {memory:.0f} |"
    yield from gpu_tables(times)
    if options.parallelproj is None and importlib.util.find_spec("parallelproj") is None:
        yield "\nparallelproj is neither installed nor pointed to (`--parallelproj libparallelproj_c.so`): not compared."
        return
    from benchmarks.rivals import ParallelProj, compare, compare_images

    other = ParallelProj(options.parallelproj)
    every = 1 if options.full else 42 if options.quick else 12
    angles = np.arange(0, scanner.angles, every)
    part, rows = compare(scanner, 290, other, angles, times)
    how = "all angles" if options.full else f"every {every}th angle ({part:.1%} of the rays; its time is scaled up)"
    yield f"\nThe same rays through {other.name} in the same run, FOV radius 290 mm: {how}. Ours: the whole sinogram.\n"
    yield "| what | this package [s] | parallelproj [s] | ratio | relative difference (root mean square) |"
    yield "|---|---|---|---|---|"
    for name, ours, theirs, off in rows:
        yield f"| {name} | {ours:.2f} | {theirs:.0f} | {theirs / ours:.0f} x | {off:.1e} |"
    rings, passes, subsets = 5, 3, 14
    ours, theirs, correlation, off = compare_images(rings, passes, subsets, other)
    yield (
        f"\n{passes} passes of OSEM with {subsets} subsets (attenuation, randoms, PSF 2.5 mm, FOV radius 150 mm, {rings} rings, "
        f"the embedded head), with either projector: {ours:.1f} s with this package's and {theirs:.1f} s with parallelproj's; "
        f"correlation of the images in the head {correlation:.7f}, their difference {off:.1e} (root mean square, of the image's)."
    )


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.projectors", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats and rays")
    parser.add_argument("--full", action="store_true", help="all rays through parallelproj (several minutes)")
    parser.add_argument("--parallelproj", type=Path, metavar="LIBRARY", help="path to libparallelproj_c.so")
    parser.add_argument("--write", action="store_true", help=f"keep the tables in {RESULTS.parent.name}/{RESULTS.name}")
    options = parser.parse_args()
    options.shown = [f"--{name}" for name in ("quick", "full", "write") if getattr(options, name)]
    options.shown += ["--parallelproj libparallelproj_c.so"] if options.parallelproj else []
    lines = []
    for line in tables(options):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        RESULTS.write_text("\n".join(["# How fast the projector is\n", *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
