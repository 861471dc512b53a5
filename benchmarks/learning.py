"""What learning takes and gains: ``python -m benchmarks.learning [--learn 4 5 ...] [--unseen 44 45 ...] [--write]``.

Prints tables in Markdown; ``--write`` also puts them into LEARNING.md. What is timed takes nothing from the results cache;
scans and networks of the evaluation are taken from it, if notebook 06 has left the same ones there. On the first head to
learn from, the talk's network is trained as in notebook 04, and the methods that do not learn are tuned.
"""

import argparse
import datetime
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from unittest import mock

import numpy as np
from tqdm.auto import tqdm

from benchmarks.projectors import machine
from petcourse import Projector, Scanner, as_slices, load_subject, reconstruct
from petcourse.data import local_subjects
from petcourse.learning import (
    alike,
    cut,
    make_case,
    noise_and_contrast,
    nrmse,
    scores,
    search,
    smooth,
    split,
    train,
    train_networks,
    unet,
)

RESULTS = Path(__file__).with_name("LEARNING.md")
STOPS = (5, 11, 20, 40, 70)  # iterations of MLEM
WIDTHS = (0, 1, 2, 3, 4, 6)  # FWHM of the filter after it [mm]
STRENGTHS = (0.01, 0.02, 0.04, 0.08)  # of non-local means, as part of the image's maximum


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learn", nargs="+", help='BrainWeb numbers, "embedded" or "virtual 1"; default: six at hand')
    parser.add_argument("--unseen", nargs="+", help="heads to test on; default: the next five at hand")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=60, help="of the networks that are evaluated")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    heads = local_subjects()
    heads = heads if len(heads) >= 11 else [f"virtual {k}" for k in range(1, 12)]
    learn, unseen = options.learn or heads[:6], options.unseen or heads[6:11]
    learn, unseen = split([int(n) if str(n).isdigit() else n for n in (*learn, *unseen)], len(unseen))

    text = f"""# What learning takes, and what it gains

Measured on {datetime.date.today()} by `python -m benchmarks.learning --write`.

Machine: {machine()}, keras {version("keras")}.

{talk(learn[0])}
{evaluation(learn, unseen, options.seeds, options.epochs)}"""
    print(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")


def talk(name):
    """Notebook 04: one head, its two halves, 1000 epochs."""
    scanner = Scanner.mmr()
    start = perf_counter()
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, PETCOURSE_CACHE=folder):
        subject = load_subject(name, scanner)
        theta, truth = reconstruct(subject, Projector(scanner, radius=150), iterations=11)
    building = perf_counter() - start

    unit = 1e8 / truth.sum()
    inputs, targets = as_slices(theta * unit), as_slices(truth * unit)
    half = len(inputs) // 2
    start = perf_counter()
    model = unet(inputs.shape[1:], seed=0)
    history = train(model, inputs[:half], targets[:half], 1000, validation=(inputs[half:], targets[half:]), seed=0)
    training = perf_counter() - start
    square = (inputs - targets) ** 2
    before = square[:half].mean(), square[half:].mean()
    after = history["loss"][-1], history["val_loss"][-1]
    change = [f"{b:.3g} to {a:.3g} ({a / b - 1:+.0%})" for b, a in zip(before, after, strict=True)]
    return f"""## The talk's network ({subject.name}, notebook 04)

| what | measured |
|---|---|
| simulate and reconstruct one subject, 11 iterations, full size [s] | {building:.1f} |
| U-Net of {model.count_params()} parameters, {half} slices, 1000 epochs [s] | {training:.0f} |
| mean squared error, MLEM to network, half that was learned | {change[0]} |
| mean squared error, MLEM to network, other half of the same brain | {change[1]} |
"""


def evaluation(learn, unseen, seeds, epochs):
    """Notebook 06: other heads, against methods that do not learn."""
    scanner = Scanner.mmr()
    X = Projector(scanner, radius=150)

    def case(name, iterations=(11,), seed=0):
        return make_case(cut(load_subject(name, scanner)), X, iterations, seed=seed)

    def filtered(case, setting):
        return smooth(case.mlem[setting[0]], setting[1], scanner.voxel)

    def averaged(case, strength):
        return alike(case.mlem[stop], strength)

    tuning = case(learn[0], STOPS)
    error = search(filtered, [(k, w) for k in STOPS for w in WIDTHS], [tuning])
    stop = min(STOPS, key=lambda k: error[k, 0])
    pair = min((p for p in error if p[1]), key=error.get)
    errors = search(averaged, STRENGTHS, [tuning])
    strength = min(errors, key=errors.get)
    keep = tuple(sorted({11, stop, pair[0]}))
    learned = [tuning, *(case(n) for n in tqdm(learn[1:], unit="head"))]
    repeats = [case(unseen[0], STOPS, seed) for seed in (0, 1)]
    tested = [repeats[0], *(case(n, keep) for n in tqdm(unseen[1:], unit="head"))]

    rivals = {
        "MLEM, 11 iterations": [lambda c: c.mlem[11]],
        f"MLEM, {stop} iterations": [lambda c: c.mlem[stop]],
        f"MLEM, {pair[0]} iterations, Gaussian of {pair[1]} mm": [lambda c: filtered(c, pair)],
        f"MLEM, {stop} iterations, non-local means of strength {strength}": [lambda c: averaged(c, strength)],
        "the best of these iterations and of all Gaussians, chosen on each unseen head itself": [
            lambda c: min((filtered(c, (k, w)) for k in keep for w in WIDTHS), key=lambda i: nrmse(i, c.truth, c.head))
        ],
    }
    methods = rivals | {
        "U-Net on MLEM, 11 iterations": train_networks(learned, seeds, epochs),
        "the same, with T1 as second channel": train_networks(learned, seeds, epochs, mr=True),
    }

    table = scores(methods, tested)
    of_best_rival = min((table[name][..., 0] for name in rivals), key=np.mean)
    plain = cut(load_subject(unseen[0], scanner, lesions=False)).pet

    def measured(of_seeds):
        return np.mean([noise_and_contrast(f, repeats, plain, scanner.voxel) for f in of_seeds], axis=0)

    of_mlem = [measured([lambda c, k=k: c.mlem[k]]) for k in STOPS]
    lines = []
    for name, values in table.items():  # (seed, head, score)
        errors, gain = values[..., 0], values[..., 0] / of_best_rival - 1
        sd, contrast = measured(methods[name])
        same = np.interp(sd, *np.transpose(of_mlem), left=np.nan, right=np.nan)
        text = f"{gain.mean():+.1%} ({gain.min():+.1%} to {gain.max():+.1%})"
        lines.append(
            f"| {name} | {errors.mean():.3f} ± {errors.mean(axis=0).std(ddof=1):.3f} | {text} | {values[..., 1].mean():.3f} | "
            f"{sd:.3f} | {contrast:.2f} | {'-' if np.isnan(same) else f'{same:.2f}'} |"
        )
    return f"""## Unseen heads (notebook 06)

Learned from: {", ".join(c.name for c in learned)}. Tested on: {", ".join(c.name for c in tested)}. {seeds} seeds, {epochs} epochs.
Methods that do not learn are tuned on {tuning.name}, but for the last of them.
NRMSE and SSIM in the head; ± is the standard deviation over the unseen heads; the change is against the method without learning that has the least mean NRMSE, on the same head, with its
least and greatest value over heads and seeds. Noise and contrast recovery of the hot lesions are of {len(repeats)} scans of {tested[0].name};
the last column is MLEM's at that noise, interpolated between its iterations (- where none is as noisy). PET and T1 are made
from the same tissues and lie exactly on each other, as no patient's do: the gain by T1 is the most that could be had.

| method | NRMSE | change | SSIM | noise | contrast | MLEM's at that noise |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}

Who knew each voxel's tissue and lesion, but not the texture, would have an NRMSE of {floor(unseen, scanner):.3f}.
"""


def floor(names, scanner):
    errors = []
    for name in names:
        rough, flat = (load_subject(name, scanner, texture=t, lesions=t) for t in (True, False))
        known = np.where(rough.lesion_map > 0, rough.pet, flat.pet)
        errors.append(nrmse(known, rough.pet, rough.head))
    return np.mean(errors)


if __name__ == "__main__":
    main()
