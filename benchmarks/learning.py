"""What learning takes and gains: ``python -m benchmarks.learning [--learn 4 5 ...] [--unseen 42 44 ...] [--write]``.

Runs the study of notebook 06 on whole heads, and trains the talk's network as in notebook 04. What takes long is kept in the
results cache, so a run that was stopped goes on when it is started again. ``--write`` keeps the results in
petcourse/learning/study.json, which the notebook reads, and sets LEARNING.md from it; ``--tables`` sets LEARNING.md anew.
"""

import argparse
import datetime
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.projectors import machine
from petcourse import Projector, Scanner, as_slices, load_subject
from petcourse.cache import code_hash
from petcourse.data import local_subjects
from petcourse.learning import compare, cut, nrmse, train, unet
from petcourse.learning.results import (
    best_rival,
    by_head,
    by_lesion,
    changes,
    effort,
    hot_recovery,
    interval,
    of_heads,
    read_results,
    smallest_p,
    table,
    write_results,
)
from petcourse.learning.scanned import MAP_PASSES, MAP_START, SUBSETS, ScannedHead
from petcourse.reconstruction import iterates
from petcourse.reconstruction.protocol import MODEL, reconstruct
from petcourse.scan.size import SMALL_RINGS, course_trues

PAGE = Path(__file__).with_name("LEARNING.md")
TALK_EPOCHS = 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learn", nargs="+", help='BrainWeb numbers, "embedded" or "virtual 1"; default: six at hand')
    parser.add_argument("--unseen", nargs="+", help="heads to test on; default: the next five at hand")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=60, help="of the networks that are evaluated")
    parser.add_argument("--small", action="store_true", help=f"{SMALL_RINGS} rings instead of 64, to try it out")
    parser.add_argument("--write", action="store_true", help=f"keep the results, and write {PAGE.name}")
    parser.add_argument("--tables", action="store_true", help=f"measure nothing, write {PAGE.name} from what is kept")
    options = parser.parse_args()
    if options.tables:
        return PAGE.write_text(page(read_results()), encoding="utf-8")

    heads = local_subjects()
    heads = heads if len(heads) >= 11 else [f"virtual {k}" for k in range(1, 12)]
    learn, unseen = options.learn or heads[:6], options.unseen or heads[6:11]
    learn, unseen = ([int(n) if str(n).isdigit() else n for n in names] for names in (learn, unseen))
    scanner = Scanner.mmr(SMALL_RINGS) if options.small else Scanner.mmr()
    results = compare(learn, unseen, seeds=options.seeds, epochs=options.epochs, scanner=scanner).results
    results["subsets"] = subsets(learn[0], scanner)
    results["talk"] = talk(learn[0], scanner)
    results["made"] = {
        "command": shlex.join(["python", "-m", "benchmarks.learning", *sys.argv[1:]]),
        "date": str(datetime.date.today()),
        "machine": machine(),
        "keras": version("keras"),
        "code": code_hash("scan", "data", "reconstruction", "learning"),
    }
    text = page(results)
    print(text)
    if options.write:
        write_results(results)
        PAGE.write_text(text, encoding="utf-8")


def subsets(name, scanner):
    """How far OSEM's image after 5 passes lies from MLEM's after as many iterations as it had updates."""
    X, k = Projector(scanner, 150), 5
    subject = cut(load_subject(name, scanner))
    trues = course_trues(scanner)
    head = ScannedHead(subject, X, trues, passes={MODEL: (k,)})
    images, _ = iterates(subject, X, (SUBSETS * k,), trues)
    late, exact = head.late(MODEL, k), np.float32(1e8 / trues) * images[SUBSETS * k]
    case = head.case
    return {
        "head": subject.name,
        "passes": k,
        "subsets": SUBSETS,
        "difference": nrmse(late, exact, case.head),
        "nrmse": [nrmse(late, case.truth, case.head), nrmse(exact, case.truth, case.head)],
    }


def talk(name, scanner):
    """Notebook 04: one head, its two halves, 1000 epochs."""
    subject = load_subject(name, scanner)
    theta, truth = reconstruct(subject, Projector(scanner, radius=150), iterations=11)
    unit = 1e8 / truth.sum()
    inputs, targets = as_slices(theta * unit), as_slices(truth * unit)
    half = len(inputs) // 2
    model = unet(inputs.shape[1:], seed=0)
    validation = inputs[half:], targets[half:]
    history = train(model, inputs[:half], targets[:half], TALK_EPOCHS, validation, "talk", seed=0)
    square = (inputs - targets) ** 2
    return {
        "head": subject.name,
        "epochs": TALK_EPOCHS,
        "slices": half,
        "parameters": model.count_params(),
        "before": [float(square[:half].mean()), float(square[half:].mean())],
        "after": [history["loss"][-1], history["val_loss"][-1]],
    }


def page(results):
    """LEARNING.md."""
    made, talk, near = results["made"], results["talk"], results["subsets"]
    s, n = results["settings"], len(results["test"])
    (learned, other), (error, exact) = zip(talk["before"], talk["after"], strict=True), near["nrmse"]
    virtual = any("Colin27" in name for name in results["test"])
    note = (
        "\nVirtual heads are one head, Colin27, warped: they share its folds, and say little of another brain.\n"
        * virtual
    )
    return f"""# What learning takes, and what it gains

Measured on {made["date"]} by `{made["command"]}`; kept in petcourse/learning/study.json, from which
`python -m benchmarks.learning --tables` writes this page.

Machine: {made["machine"]}, keras {made["keras"]}. Code {made["code"]}.

## The talk's network ({talk["head"]}, notebook 04)

| what | measured |
|---|---|
| parameters of the U-Net, slices, epochs | {talk["parameters"]}, {talk["slices"]}, {talk["epochs"]} |
| mean squared error, MLEM to network, half that was learned | {_change(*learned)} |
| mean squared error, MLEM to network, other half of the same brain | {_change(*other)} |

## Unseen heads (notebook 06)

Learned from: {", ".join(results["learn"])}. Tested on: {", ".join(results["test"])}.
Methods that do not learn are tuned on {", ".join(results["tuned_on"])}. Networks: {s["seeds"]} seeds, {s["epochs"]} epochs.
{s["rings"]} rings, {s["trues"]:.3g} trues, 30 % randoms; data blurred by 4.5 mm.
{note}
Late images of MLEM are by OSEM with {s["subsets"]} subsets: k passes stand for {s["subsets"]} k iterations. After {near["passes"]} passes (2.5 mm, {near["head"]})
its image differs from MLEM's after {near["passes"] * near["subsets"]} iterations by {near["difference"]:.1%} (NRMSE between them); their errors are {error:.4f} and {exact:.4f}.

NRMSE and SSIM are those in the head. The unit is the head: for each, the mean over the seeds; then the mean over the {n} heads, and ±
half of its 95 % t interval. The change is to the best method that does not learn and sees no more, on the same head: without
T1 "{best_rival(results, False)}", with T1 "{best_rival(results, True)}", the best where they were tuned. With {n} heads no
Wilcoxon test can give a p below {smallest_p(n):.2g}. Hot lesions: contrast recovery, mean and standard deviation over all tested heads.
Noise: between two scans of {results["test"][0]}. T1 off by a voxel (2.09 mm): change of NRMSE against T1 as it is, where it was tried.
PET and T1 are made from the same tissues and lie exactly on each other, as no patient's do: what T1 gains is the most that
could be had. No lesion is in T1.

{winners(results)}

{table(results)}

{texture(results)}

### Each head: change against the best rival

{by_head(results)}

### Each lesion: contrast recovery

{by_lesion(results)}

### What the tuning took

{effort(results)}

The methods of MLEM with one PSF share one reconstruction. "passes" are those of OSEM, "keep" neighbours of 125, "width" mm.
RDP and Bowsher's prior are {MAP_PASSES} passes of SVRG after {MAP_START} of OSEM: near their optimum for a large beta, and for a small one stopped early.
The strength of non-local means is a part of the image's maximum, which noise may set: hence its spread over the heads.
Where the best lies at an end, the method would have been better still with more passes.
"""


def winners(results):
    """What the table says, in a sentence for each amount of knowledge."""
    lines = []
    for mr, seeing in ((False, "Without T1"), (True, "With T1")):
        error = {name: of_heads(results, name).mean() for name, m in results["methods"].items() if m["mr"] == mr}
        best = min(error, key=error.get)
        network = min((name for name in error if results["methods"][name]["network"]), key=error.get)
        mean, half = interval(changes(results, network))
        lines.append(
            f"**{seeing} the least error has {best} ({error[best]:.3f}).** The best network, {network}, has {error[network]:.3f}: "
            f"{mean:+.1%} ± {half:.1%} against {best_rival(results, mr)}. It recovers {hot_recovery(results, network).mean():.2f} of the "
            f"hot lesions' contrast, {best} {hot_recovery(results, best).mean():.2f}."
        )
    return "\n\n".join(lines)


def texture(results):
    mean = np.mean(results["texture"])
    return f"Knowing each voxel's tissue, but not the texture, would leave an NRMSE of {mean:.3f} in a head without lesions."


def _change(before, after):
    return f"{before:.3g} to {after:.3g} ({after / before - 1:+.0%})"


if __name__ == "__main__":
    main()
