"""Train the networks of notebook 07: ``python -m benchmarks.ideas [--learn 4 5 ...] [--only NAME ...] [--write]``.

``--write`` keeps the weights in petcourse/learning/trained/, with the time and memory that the training took and the error on a
head that was not seen: the embedded phantom, on the rings of the course's small size.
"""

import argparse
import resource
import shlex
import subprocess
import sys
import time

from benchmarks.projectors import machine
from petcourse import Projector, Scanner, load_subject
from petcourse.data import local_subjects
from petcourse.learning import ScannedHead, cut, nrmse
from petcourse.learning.ideas import (
    ENSEMBLE,
    PASSES,
    SLICES,
    START,
    mu_net,
    noise2noise,
    other_half,
    post_processing,
    through_projector,
    turns,
)
from petcourse.learning.pretrained import IDEAS, file_of, made_for
from petcourse.learning.slices import scan_slices
from petcourse.learning.weights import FOLDER, keep
from petcourse.scan.size import SMALL_RINGS, course_trues

SEEDS = 2
UNSEEN = "embedded"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learn", nargs="+", help='BrainWeb numbers, "embedded" or "virtual 1"; default: six at hand')
    parser.add_argument("--only", nargs="+", default=list(IDEAS), choices=list(IDEAS), metavar="NAME")
    parser.add_argument("--counts", type=float, default=1e7, help="trues in a scan of the whole")
    parser.add_argument("--write", action="store_true", help=f"keep the weights of the first of {SEEDS} seeds")
    options = parser.parse_args()
    names = options.learn or local_subjects()[:6] or [f"virtual {k}" for k in range(1, 7)]
    names = [int(name) if str(name).isdigit() else name for name in names]
    scanner = Scanner.mmr(SMALL_RINGS)
    counts = options.counts * course_trues(scanner) / 1e8
    unseen = ScannedHead(cut(load_subject(UNSEEN, scanner)), Projector(scanner, 150), counts, 0, PASSES)
    for name in options.only:
        start = time.time()
        of_seeds = [train(name, names, options.counts, seed) for seed in range(SEEDS)]
        seconds = (time.time() - start) / SEEDS
        images = [IDEAS[name].image(models, unseen) for models in of_seeds]
        about = {
            "learned": [load_subject(n, scanner).name for n in names],
            "error": {
                "head": unseen.subject.name,
                "rings": SMALL_RINGS,
                "of each seed": [nrmse(x, unseen.case.truth, unseen.case.head) for x in images],
            },
            "parameters": sum(model.count_params() for model in of_seeds[0]),
            "seconds": seconds,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "machine": machine(),
            "script": shlex.join(["python", "-m", "benchmarks.ideas", *sys.argv[1:]]),
            "commit": subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip(),
        }
        print(name, about, flush=True)
        if options.write:
            FOLDER.mkdir(exist_ok=True)
            keep(file_of(name), of_seeds[0], made_for(name, unseen), about)


def train(name, names, counts, seed):
    """Train the network of that name on heads, scanned with so many trues."""
    mr = [True] * IDEAS[name].mr
    if name == "BCD-Net":
        return turns(names, counts, seed=seed)
    if name == "mu-net, T1":
        X = Projector(Scanner.mmr(), 150)
        heads = [ScannedHead(cut(load_subject(n, X.scanner)), X, counts, 0, PASSES) for n in names]
        return [mu_net(heads, [head.case.truth for head in heads], seed=seed)]
    scans = [scan_slices(load_subject(n, Scanner.mmr()), SLICES, counts, START) for n in names]
    if name == "ensemble, T1":
        return [post_processing(scans, *mr, seed=10 * seed + k) for k in range(ENSEMBLE)]
    how = {
        "post-processing": post_processing,
        "unrolled": through_projector,
        "Noise2Noise": noise2noise,
        "other half": other_half,
    }[name.removesuffix(", T1")]
    return [how(scans, *mr, seed=seed)]


if __name__ == "__main__":
    main()
