"""What each part of the model costs if it is left out: ``m ~ Poisson(N A X H theta + r + s)``, measured whole.

    python -m benchmarks.omissions [--rings 64] [--write]

One scan of the embedded phantom with everything: uneven crystals and a dead block, a coil around the head and a table
under it, scatter, and randoms that follow the singles. It is reconstructed with everything, and then with one thing
wrong at a time. The coil (a shell of plastic) and the table are drawn here and are no manufacturer's.
"""

import argparse
import datetime
from dataclasses import replace
from itertools import islice
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.projectors import machine, timed
from petcourse import (
    PSF,
    Attenuation,
    Projector,
    Scanner,
    attenuation_factors,
    course_trues,
    load_subject,
    measure,
    osem,
)
from petcourse.learning import nrmse
from petcourse.reconstruction.em import last
from petcourse.reconstruction.scattered import estimate_scatter
from petcourse.scan.normalisation import Components, Normalisation
from petcourse.scan.randoms import estimate_singles, mean_randoms, measure_delayeds, singles
from petcourse.scan.scatter import scatter

RESULTS, PICTURE = (Path(__file__).with_name(name) for name in ("OMISSIONS.md", "omissions.png"))
COIL, TABLE = 0.004, 0.006  # 1/mm
PASSES, SUBSETS = 4, 14


def hardware(scanner):
    """mu [1/mm] of a head coil, open below, and of the table under it."""
    _, y, x = scanner.axes()
    y, x = y[:, None], x[None, :]
    coil = (abs(np.hypot(y, x) - 142) < 4) & (y > -100)
    table = (abs(y + 150) < 8) & (abs(x) < 190)
    mu = np.where(coil, COIL, np.where(table, TABLE, 0)).astype(np.float32)
    return np.broadcast_to(mu, scanner.image_shape)


def scan_of(scanner, subject, X):
    """The scan, and the delayeds beside it: those of each bin, and a smooth estimate of their mean."""
    components = Components.drawn(scanner, dead_block=(scanner.rings // 16, 20))
    whole = replace(subject, mu=subject.mu + hardware(scanner))
    activity = Attenuation(attenuation_factors(X, whole.mu)) @ X @ whole.pet
    rates = singles(scanner, activity, 8e6 * scanner.rings / 64)
    del activity
    scan = measure(whole, X, counts=course_trues(scanner), components=components, scattered=True, singles=rates)
    duration = scan.r.sum(dtype=float) / mean_randoms(scanner, rates, 1).sum(dtype=float)
    delayeds, fans = measure_delayeds(scanner, rates, duration)
    return scan, whole, delayeds, mean_randoms(scanner, estimate_singles(scanner, fans, duration), duration)


def shifted(mu):
    """By one voxel, about 2 mm, to the patient's right."""
    return np.roll(mu, 1, axis=2)


def models(scanner, subject, X, H):
    """Name of each model, the measured counts, what multiplies each bin, and the background."""
    scan, whole, delayeds, smooth = scan_of(scanner, subject, X)
    m, N, A, r, s = scan.m, scan.N, scan.A, scan.r, scan.s
    live = np.float32(scanner.live())
    even = Normalisation(
        np.broadcast_to(live, m.shape) * np.float32(N.factors.sum(dtype=float) / (live.sum() * len(m)))
    )
    a = lambda mu: Attenuation(attenuation_factors(X, mu))
    yield "nothing left out", m, N @ A, r + s, scan
    yield (
        "r and s estimated",
        m,
        N @ A,
        smooth + estimate_scatter(scanner, N @ A @ X @ H, A, m, smooth, whole.mu, N),
        scan,
    )
    noisy = np.maximum(delayeds, np.float32(0.01) * live)  # no bin may expect nothing where something is counted
    yield "r: raw delayeds", m, N @ A, noisy + s, scan
    yield "no N", m, even @ A, r + s, scan
    yield "no s", m, N @ A, r, scan
    yield "r 10 % too low", m, N @ A, np.float32(0.9) * r + s, scan
    yield "r 10 % too high", m, N @ A, np.float32(1.1) * r + s, scan
    yield "mu shifted by 2 mm", m, N @ a(shifted(whole.mu)), r + s, scan
    yield "no coil, no table", m, N @ a(subject.mu), r + s, scan
    yield "no A", m, N, r + s, scan


def speed(scan, scanner, subject, X, H):
    """Seconds of the scatter of a head, and of a pass of OSEM with A and r alone, and with N and s as well."""
    seconds, _ = timed(lambda: scatter(scanner, subject.pet, subject.mu), 3)
    takes = [np.median(seconds)]
    for factors, background in ((scan.A, scan.r), (scan.N @ scan.A, scan.background)):
        updates = osem(factors @ X @ H, scan.m, background, PASSES, SUBSETS)
        last(islice(updates, SUBSETS))  # the first pass fills memory that later ones take over
        seconds, _ = timed(lambda: last(islice(updates, SUBSETS)), PASSES - 1)  # noqa: B023
        takes.append(np.median(seconds))
    return takes


def study(scanner):
    """Rows of a table, and the middle plane of each image."""
    subject, X, H = load_subject("embedded", scanner), Projector(scanner, device="cpu"), PSF(scanner, 4.5)
    hot = np.any([lesion.mask for lesion in subject.lesions if lesion.name.startswith("hot")], axis=0)
    places = {"grey matter": subject.labels == 2, "white matter": subject.labels == 3, "hot lesions": hot}
    places["head"], best, rows, planes = subject.labels > 0, None, [], {}
    for name, m, factors, background, scan in models(scanner, subject, X, H):
        image = last(osem(factors @ X @ H, m, background, PASSES, SUBSETS))
        best = image if best is None else best
        means = [image[where].mean(dtype=float) / best[where].mean(dtype=float) - 1 for where in places.values()]
        off = np.sqrt(np.mean((image - best)[places["head"]] ** 2)) / best[places["head"]].mean()
        rows.append((name, nrmse(image, scan.truth, places["head"]), off, *means))
        planes[name] = image[len(image) // 2] / best[places["grey matter"]].mean()
        print(row(rows[-1]), flush=True)
    return list(places), rows, planes, scan, speed(scan, scanner, subject, X, H)


def row(values):
    name, error, off, *means = values
    return (
        f"| {name} | {error:.3f} | {100 * off:.1f} % | " + " | ".join(f"{100 * mean:+.1f} %" for mean in means) + " |"
    )


def picture(planes, path):
    """The best image, and how each other differs from it."""
    (name, best), *others = planes.items()
    fig, axes = plt.subplots(2, 5, figsize=(12.5, 5.6), layout="constrained")
    box = np.s_[92:252, 92:252]
    first = axes.flat[0].imshow(best[box], "magma", vmin=0, vmax=1.5)
    axes.flat[0].set_title(name)
    for ax, (name, plane) in zip(axes.flat[1:], others, strict=True):
        difference = ax.imshow((plane - best)[box], "RdBu_r", vmin=-0.4, vmax=0.4)
        ax.set_title(name)
    for ax in axes.flat:
        ax.set_axis_off()
    fig.colorbar(first, ax=axes[0, 0], location="left", label="grey matter = 1")
    fig.colorbar(difference, ax=axes[:, -1], label="difference from it, grey matter = 1")
    fig.savefig(path, dpi=110)
    plt.close(fig)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rings", type=int, default=64)
    parser.add_argument(
        "--write", action="store_true", help=f"keep table and picture in {RESULTS.name}, {PICTURE.name}"
    )
    options = parser.parse_args()
    mpl.use("agg")
    scanner = Scanner.mmr(options.rings)
    places, rows, planes, scan, (scattering, plain, whole) = study(scanner)
    trues = scan.m.sum(dtype=float) - scan.r.sum(dtype=float) - scan.s.sum(dtype=float)
    text = (
        f"""# What each part of the model costs if it is left out

Made on {datetime.date.today()} by `python -m benchmarks.omissions --rings {options.rings} --write`. Machine: {machine()}.

One scan of the embedded phantom: {trues:.3g} trues, {scan.s.sum(dtype=float):.3g} scattered, {scan.r.sum(dtype=float):.3g}
randoms; OSEM, {PASSES} passes of {SUBSETS} subsets, PSF 4.5 mm. NRMSE is to the truth; all else is relative to the image of
the first row: the root mean square over the head as a part of its mean, and the means of regions. "No N" takes all live
bins for average ones. Delayeds are as many as randoms: their noise is that of a scan as long as this one; a bin without any
is given 0.01. The means of "no N" and "no A" are those of an image that is not calibrated: a calibration made with the same
omission would take a part of them away, not the shape.

Scatter of the head, all planes: {scattering:.1f} s. A pass of OSEM with A and r alone: {plain:.2f} s; with N and s as well: {whole:.2f} s.

| left out or wrong | NRMSE | RMS | {" | ".join(places)} |
|---|---|---|{"---|" * len(places)}
"""
        + "\n".join(map(row, rows))
        + "\n\n![The best image and how the others differ from it](omissions.png)\n"
    )
    print(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")
        picture(planes, PICTURE)


if __name__ == "__main__":
    main()
