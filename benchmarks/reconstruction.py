"""How long MLEM, OSEM and regularised methods take, per update, and until they are where they are going.

    python -m benchmarks.reconstruction [--subject 4] [--rings 64] [--write]

Prints tables in Markdown. Whether a regularised image has converged is asked as in the PETRIC challenge
(https://github.com/SyneRBI/PETRIC): against a long run, the root mean square difference over the head and over white
matter is at most 1 % of white matter's mean, and that of the means of each hot lesion at most 0.5 % of it.
"""

import argparse
import datetime
import time
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.projectors import machine, said, timed
from petcourse import PSF, Kernel, Projector, Scanner, course_trues, load_subject, measure, mlem
from petcourse.learning import nrmse
from petcourse.reconstruction.em import last, osem
from petcourse.reconstruction.priors import RelativeDifference, even_resolution
from petcourse.reconstruction.regularised import bsrem, svrg

RESULTS = Path(__file__).with_name("RECONSTRUCTION.md")
MODEL, BETA = 2.5, 1 / 700  # mm; PETRIC's usual weight
BSREM = [(0.3, 0.01), (1.0, 0.02), (1.0, 0.1)]  # PETRIC's steps, and larger ones
LONG, MOST = 24, 20  # passes of the run that the others are compared with, and after which they give up


def speed(P, m, r, subsets):
    """Rows of times: an MLEM iteration, a pass of OSEM, its sensitivities."""
    steps = mlem(P, m, r, 9, likelihood=False)
    for _ in range(3):  # the first fill memory that later ones take over
        next(steps)
    iteration, _ = timed(lambda: next(steps), 5)
    updates = osem(P, m, r, 6, subsets)
    first, _ = timed(lambda: next(updates), 1)
    last(islice(updates, subsets - 1))
    one_pass, _ = timed(lambda: last(islice(updates, subsets)), 4)
    yield "MLEM iteration", said(iteration), 1.0
    yield f"OSEM, one pass of {subsets} subsets", said(one_pass), np.median(one_pass) / np.median(iteration)
    yield "OSEM, all sensitivities and the first update", said(first), first[0] / np.median(iteration)


def guided(scanner, subject, X):
    """Rows of times of what a prior or a kernel adds, inside the box that X sees."""
    prior, image = RelativeDifference(scanner).inside_box(X.box), subject.pet[:, X.box, X.box].copy()
    K = Kernel(subject.t1, scanner.voxel).inside_box(X.box)
    works = {
        "a prior's gradient, Hessian diagonal and value": lambda: prior.derivatives(image),
        "kernel of T1, K theta": lambda: K.forward(image),
        "its transpose": lambda: K.back(image),
    }
    for name, work in works.items():
        work()
        yield name, timed(work, 5)[0]


def until(steps, good, in_a_row=1):
    """Updates and seconds until an image is good, and stays so for some updates; the looking is not counted."""
    seconds, start, held = 0.0, time.perf_counter(), 0
    for n, image in enumerate(steps, 1):
        seconds += time.perf_counter() - start
        held = held + 1 if good(image) else 0
        if held == in_a_row:
            return n, seconds
        start = time.perf_counter()
    return None, seconds


def converged(wanted, head, white, lesions):
    """PETRIC's three thresholds, as a function of an image."""
    mean = wanted[white].mean()

    def good(image):
        off = (image - wanted) / mean
        masks = np.sqrt(np.mean(off[head] ** 2)), np.sqrt(np.mean(off[white] ** 2))
        return max(masks) <= 0.01 and max(abs(off[mask].mean()) for mask in lesions) <= 0.005

    return good


def report(scanner, name):
    """The tables."""
    subject, X = load_subject(name, scanner), Projector(scanner, 150, device="cpu")
    scan = measure(subject, X, counts=course_trues(scanner))
    P, m, r = scan.A @ X @ PSF(scanner, MODEL), scan.m, scan.r
    head, white = subject.labels > 0, subject.labels == 3
    yield f"Data: {subject.name}, {m.sum():.3g} counts, {scanner.rings} rings, FOV radius 150 mm, PSF {MODEL} mm.\n"
    yield "| what | median [s] | least [s] | n | MLEM iterations |\n|---|---|---|---|---|"
    for what, times, ratio in speed(P, m, r, 14):
        yield f"| {what} | {times} | {ratio:.2f} |"
    for what, times in guided(scanner, subject, X):
        yield f"| {what} | {np.median(times):.3f} | {min(times):.3f} | {len(times)} | |"

    late, _ = last(mlem(P, m, r, 70, likelihood=False))
    target = nrmse(late, scan.truth, head)
    yield f"\nMLEM after 70 iterations: NRMSE {target:.4f} in the head. Until OSEM is within 0.5 % of it:\n"
    yield "| subsets | updates | passes | seconds, sensitivities included |\n|---|---|---|---|"
    for subsets in (7, 14, 28):
        near = lambda image: abs(nrmse(image, scan.truth, head) / target - 1) <= 0.005
        n, seconds = until(osem(P, m, r, 30, subsets), near)
        yield (
            f"| {subsets} | {n} | {n / subsets:.1f} | {seconds:.1f} |" if n else f"| {subsets} | not in 30 passes | | |"
        )

    start = last(osem(P, m, r, 1, 14))
    prior = RelativeDifference(scanner, even_resolution(P, m, r, start), eps=float(start.max()) / 1000)
    lesions = [lesion.mask for lesion in subject.lesions if lesion.name.startswith("hot") and lesion.mask.any()]
    wanted = last(svrg(P, m, r, prior, BETA, LONG, 28, start))
    good = converged(wanted, head, white, lesions)
    yield f"\nRelative difference prior, beta {BETA:.4g}, from one pass of OSEM, until PETRIC's thresholds hold ten times running"
    yield (
        f"(against {LONG} passes of SVRG, 28 subsets; its NRMSE to the truth is "
        + f"{nrmse(wanted, scan.truth, head):.4f}):\n"
    )
    yield "| method | updates | passes through the data | seconds |\n|---|---|---|---|"
    for n in (14, 28):
        steps = svrg(P, m, r, prior, BETA, MOST, n, start)
        yield row(f"SVRG, {n} subsets", *until(steps, good, 10), lambda updates, n=n: passes_of_svrg(updates, n))
    for a, decay in BSREM:
        steps = bsrem(P, m, r, prior, BETA, MOST, 7, start, a, decay)
        yield row(f"BSREM, 7 subsets, step {a} / (1 + {decay} pass)", *until(steps, good, 10), lambda n: n / 7)


def row(method, updates, seconds, passes):
    """What it took; the nine updates that only confirm are in the seconds, but not in the updates."""
    if updates is None:
        return f"| {method} | not in {MOST} passes | | more than {seconds:.0f} |"
    return f"| {method} | {updates - 9} | {passes(updates - 9):.1f} | {seconds:.0f} |"


def passes_of_svrg(updates, subsets):
    """An anchor costs a pass and is an update of its own; one is made at the start of every second pass."""
    whole, rest = divmod(updates, 2 * subsets + 1)
    return 3 * whole + (1 + (rest - 1) / subsets if rest else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subject", default="embedded", type=lambda text: int(text) if text.isdigit() else text)
    parser.add_argument("--rings", type=int, default=64)
    parser.add_argument("--write", action="store_true", help=f"keep the tables in {RESULTS.parent.name}/{RESULTS.name}")
    options = parser.parse_args()
    command = f"python -m benchmarks.reconstruction --subject {options.subject} --rings {options.rings}"
    lines = [f"# How long a reconstruction takes\n\nMeasured on {datetime.date.today()} by `{command} --write`.\n"]
    lines.append(f"Machine: {machine()}.\n")
    print(*lines, sep="\n", flush=True)
    for line in report(Scanner.mmr(options.rings), options.subject):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
