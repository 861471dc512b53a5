"""Train the networks of notebook 07: ``python -m benchmarks.ideas [--learn 4 5 ...] [--only NAME ...] [--write]``.

``--write`` keeps the weights in petcourse/ideas/, with the time and memory that the training took and the error on a
head that was not seen: the embedded phantom, on the rings of the course's small size.

``python -m benchmarks.ideas --study [--unseen 42 44 ...] [--write]`` judges them on whole heads beside methods that do not
learn; it keeps petcourse/learning/ideas.json, from which ``--tables`` writes IDEAS.md anew.
"""

import argparse
import datetime
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.projectors import machine
from petcourse import Projector, Scanner, load_subject
from petcourse.data import local_subjects
from petcourse.ideas.catalogue import IDEAS, file_of, made_for, network, pretrained
from petcourse.ideas.networks import (
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
from petcourse.ideas.slices import scan_slices
from petcourse.ideas.weights import keep
from petcourse.learning import ScannedHead, compare, cut, nrmse
from petcourse.learning.results import (
    IDEAS_RESULTS,
    WRONG_T1,
    best_rival,
    by_head,
    by_lesion,
    effort,
    hot_recovery,
    read_results,
    table,
    write_results,
)
from petcourse.reconstruction.protocol import BLUR
from petcourse.scan.size import SMALL_RINGS

PAGE = Path(__file__).with_name("IDEAS.md")
METHODS = [
    "MLEM, 11 iterations",
    "MLEM, 2.5 mm",
    "MLEM, 4.5 mm",
    "MLEM, 4.5 mm, Gaussian",
    "MLEM, 4.5 mm, mean by T1",
    "RDP",
    "Bowsher",
    "kernel EM",
]
LADDERS = {2.5: (1, 2, 3, 4), 4.5: (1, 2, 3, 4, 5, 6, 8, 10, 12, 15), "kernel": (6, 10, 15, 20, 25, 30)}
UNSEEN = "embedded"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learn", nargs="+", help='BrainWeb numbers, "embedded" or "virtual 1"; default: six at hand')
    parser.add_argument("--only", nargs="+", default=list(IDEAS), choices=list(IDEAS), metavar="NAME")
    parser.add_argument("--counts", type=float, default=1e7, help="trues in a scan of the whole")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each; the weights of the first are kept")
    parser.add_argument("--write", action="store_true", help="keep the weights, or what the study found")
    parser.add_argument("--study", action="store_true", help="train nothing, judge what is kept")
    parser.add_argument("--unseen", nargs="+", help="heads to test on; default: the next five at hand")
    parser.add_argument(
        "--unet", action="store_true", help="judge the U-Net of notebook 06 with T1 as well: minutes of training"
    )
    parser.add_argument("--tables", action="store_true", help=f"measure nothing, write {PAGE.name} from what is kept")
    options = parser.parse_args()
    if options.tables:
        return PAGE.write_text(page(read_results(IDEAS_RESULTS)), encoding="utf-8")
    names = options.learn or local_subjects()[:6] or [f"virtual {k}" for k in range(1, 7)]
    names = [int(name) if str(name).isdigit() else name for name in names]
    if options.study:
        methods = [*METHODS, "U-Net on late MLEM, T1"] if options.unet else METHODS
        return study(names, options.unseen or local_subjects()[6:11], methods, options.counts, options.write)
    scanner = Scanner.mmr(SMALL_RINGS)
    counts = options.counts * scanner.image_shape[0] / Scanner.mmr().image_shape[0]  # as many in each slice
    unseen = ScannedHead(cut(load_subject(UNSEEN, scanner)), Projector(scanner, 150), counts, 0, PASSES)
    for name in options.only:
        start = time.time()
        of_seeds = [train(name, names, options.counts, seed) for seed in range(options.seeds)]
        seconds = (time.time() - start) / options.seeds
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
            "date": str(datetime.date.today()),
            "script": shlex.join(["python", "-m", "benchmarks.ideas", *sys.argv[1:]]),
            "commit": subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip(),
        }
        print(name, about, flush=True)
        if options.write:
            keep(file_of(name), of_seeds[0], made_for(name, unseen), about)


def train(name, names, counts, seed):
    """Train the network of that name on heads, scanned with so many trues."""
    mr = [True] * IDEAS[name].mr
    if name == "BCD-Net":
        return turns(names, counts, seed=seed)
    if name.startswith("mu-net"):
        X = Projector(Scanner.mmr(), 150)
        heads = [ScannedHead(cut(load_subject(n, X.scanner)), X, counts, 0, PASSES) for n in names]
        return [mu_net(heads, [target_of(head, "full counts" in name) for head in heads], seed=seed)]
    scans = [scan_slices(load_subject(n, Scanner.mmr()), SLICES, counts, START) for n in names]
    if name == "ensemble, T1":
        return [post_processing(scans, *mr, seed=10 * seed + k) for k in range(ENSEMBLE)]
    if name == "unrolled, detached":
        return [through_projector(scans, detached=True, seed=seed)]
    how = {
        "post-processing": post_processing,
        "unrolled": through_projector,
        "Noise2Noise": noise2noise,
        "other half": other_half,
    }[name.removesuffix(", T1")]
    return [how(scans, *mr, seed=seed)]


def target_of(head, all_counts):
    """The truth, or an image of ten times the counts."""
    if not all_counts:
        return head.case.truth
    return ScannedHead(head.subject, head.X, 10 * head.counts, head.seed, {BLUR: (8,)}).late(BLUR, 8)


def study(learn, unseen, methods, counts, write):
    """All networks that are kept beside other methods, on whole heads."""
    unseen = [int(name) if str(name).isdigit() else name for name in unseen]
    scanner = Scanner.mmr()
    head = ScannedHead(cut(load_subject(learn[0], scanner)), Projector(scanner, 150), counts)
    kept = {name: pretrained(name, head) for name in IDEAS}
    trained = [network(name, models) for name, (models, _) in kept.items()]
    found = compare(learn, unseen, methods, 1, 60, scanner, LADDERS, 1, 1, counts, trained).results
    found["networks"] = {name: about for name, (_, about) in kept.items()}
    found["made"] = {
        "command": shlex.join(["python", "-m", "benchmarks.ideas", *sys.argv[1:]]),
        "date": str(datetime.date.today()),
        "machine": machine(),
    }
    text = page(found)
    print(text)
    if write:
        write_results(found, IDEAS_RESULTS)
        PAGE.write_text(text, encoding="utf-8")


def page(results):
    """IDEAS.md."""
    made, s = results["made"], results["settings"]
    columns = ("T1", "NRMSE", "change", "SSIM", "hot lesions", "noise")
    virtual = any("Colin27" in name for name in results["learn"] + results["test"])
    note = "Virtual heads are one head, Colin27, warped: they say little of another brain." * virtual
    with_t1 = [name for name, method in results["methods"].items() if method["mr"]]
    return f"""# More ideas: networks at a tenth of the counts

Measured on {made["date"]} by `{made["command"]}`; kept in petcourse/learning/ideas.json, from which
`python -m benchmarks.ideas --tables` writes this page.

Machine: {made["machine"]}.

Learned from: {", ".join(results["learn"])}. Tested on: {", ".join(results["test"])}.
Methods that do not learn are tuned on {", ".join(results["tuned_on"])}. {s["rings"]} rings, {s["trues"]:.3g} trues, 30 % randoms; data blurred by 4.5 mm.
{note}

## Errors, lesions, noise

The unit is the head: mean over the {len(results["test"])} heads, and ± half of its 95 % t interval. The change is to the best method that does
not learn and sees no more, on the same head: without T1 "{best_rival(results, False)}", with T1 "{best_rival(results, True)}", the best where they
were tuned. Hot lesions: contrast recovery, mean and standard deviation over all tested heads; no lesion is in T1. Noise:
between two scans of {results["test"][0]}. PET and T1 are made from the same tissues and lie exactly on each other, as no patient's do.

{table(results, columns)}

## At the same noise

How much of the hot lesions' contrast MLEM (by OSEM, with the true PSF) shows where it is as noisy, on {results["test"][0]}:

{same_noise(results)}

## A T1 image that does not belong

Change of NRMSE where T1 is shifted by one voxel (2.09 mm), by two, or is another head's ({results["test"][0]}):

{table(results, tuple(WRONG_T1), with_t1)}

## Each head: change against the best rival

{by_head(results)}

## Each lesion: contrast recovery

{by_lesion(results)}

## The networks

{networks(results["networks"])}

Trained by the command that is named with the weights, on {next(iter(results["networks"].values()))["machine"]}. The error is that on
{next(iter(results["networks"].values()))["error"]["head"]}, {SMALL_RINGS} rings, of each seed; the weights are those of the first.

## What the tuning took

{effort(results)}
"""


def networks(about):
    """A Markdown table of what each network is and took."""
    rows = [
        "| network | parameters | training, min | memory, GB | error of each seed |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, of in about.items():
        errors = ", ".join(f"{e:.4f}" for e in of["error"]["of each seed"])
        rows.append(f"| {name} | {of['parameters']} | {of['seconds'] / 60:.1f} | {of['memory'] / 1e9:.1f} | {errors} |")
    return "\n".join(rows)


def same_noise(results):
    """A Markdown table: noise and recovery of each method, and MLEM's recovery at that noise."""
    _, noises, contrasts = np.transpose(results["curves"][0]["4.5 mm"])
    rows = ["| method | noise | recovers | MLEM recovers |", "| --- | --- | --- | --- |"]
    for name, method in results["methods"].items():
        noise = np.mean(method["noise"])
        inside = noises[0] <= noise <= noises[-1]
        mlem = f"{np.interp(noise, noises, contrasts):.2f}" if inside else f"less than {contrasts[0]:.2f}"
        rows.append(f"| {name} | {noise:.3f} | {hot_recovery(results, name)[0]:.2f} | {mlem} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
