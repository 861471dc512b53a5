"""The exercises of notebook 05."""

import functools

import numpy as np
from scipy.ndimage import binary_erosion

from petcourse.data.subject import load_subject
from petcourse.exercises import Wrong, as_array, call, call_array, compare, exercise, named
from petcourse.scan.projector import Projector
from petcourse.scan.scanner import Scanner
from petcourse.scan.simulation import measure

# Eight angles of three bins, and four voxels: the last one is seen from the even angles only.
RNG = np.random.default_rng(5)
LINES = RNG.random((8, 3, 4)).round(2)
LINES[1::2, :, 3] = 0
THETA = np.array([1.0, 2.0, 0.5, 3.0])
R = np.full((8, 3), 0.5)
M = RNG.poisson(3 * LINES @ THETA + R).astype(float)
SUBSETS = 4


def _update(theta, angles, r=R, sensitivity=None, unseen=1):
    """The factors of one update with the bins of some angles."""
    P, m, r = (np.concatenate(part[angles]) for part in (LINES, M, r))
    seen = P.sum(axis=0) if sensitivity is None else sensitivity
    return np.divide(P.T @ (m / (P @ theta + r)), seen, out=np.full(4, float(unseen)), where=seen > 0)


def _pass(parts, **mistake):
    """One pass of OSEM; each mistake is an argument of `_update`."""
    return functools.reduce(lambda theta, angles: theta * _update(theta, angles, **mistake), parts, THETA)


@exercise(
    second="P_k, m_k, r_k = (np.concatenate(a[k::n]) for a in (P, m, r)); then MLEM's update, for each k in its turn.",
    right="this is OSEM: n updates for the price of one, if projecting is all that costs.",
)
def osem_pass(one_pass):
    """Notebook 05: one pass through the data in ``n`` subsets, ``one_pass(theta, P, m, r, n)``."""
    theta = call_array(one_pass, THETA, LINES, M, R, SUBSETS)
    parts = [np.arange(k, 8, SUBSETS) for k in range(SUBSETS)]
    whole, blocks = LINES.sum(axis=(0, 1)), np.split(np.arange(8), SUBSETS)
    factors = np.array([_update(THETA, angles) for angles in parts])
    blind = "half of the subsets do not see the last voxel: there 0 / 0 must leave it as it is."
    mistakes = [
        (theta.shape == THETA.shape and np.isnan(theta).any(), "a voxel is NaN.", blind),
        (_pass(parts, unseen=0), "the last voxel is lost.", blind),
        (_pass([np.arange(8)]), "this is one update with all angles: MLEM.", "n updates are wanted."),
        (_pass(parts, sensitivity=whole), "it divides by the sensitivity of all angles.", "by P_k.T @ ones."),
        (_pass(parts, r=0 * R), "the randoms are missing.", "the counts m_k are compared with P_k @ theta + r_k."),
        (_pass(blocks), "a subset holds neighbouring angles.", "subset k takes k, k + n, ...: a[k::n]."),
        (_pass(parts[:1]), "this is the first subset alone.", "go on with the image that it gives."),
        (_pass(parts[::-1]), "the subsets come in another order.", "k = 0 is the first."),
        (THETA * factors.prod(axis=0), "all subsets see the image of before.", "each improves what the last one left."),
        (THETA * factors.mean(axis=0), "the updates are averaged.", "each improves what the last one left."),
        (THETA * factors[-1], "only the last subset is left.", "theta itself must change in the loop."),
    ]
    compare(theta, _pass(parts), mistakes, "the image", axes=("voxel",))


@functools.cache
def sinograms():
    """Live bins (angle, bin) of two scanners: the mMR, and one whose gaps come again after four angles."""
    angle, radial = np.indices((24, 10))
    return Scanner.mmr(rings=1).live(), (angle % 4 < 3) | (radial % 3 > 0)


def _balanced(live, slack=0, tested=None, part=lambda live, n, k: live[k::n]):
    """Numbers n of subsets that divide the angles, and give each, or the first ones, equally many live bins."""
    numbers = {n for n in range(1, len(live) + 1) if len(live) % n == 0}
    return {n for n in numbers if np.ptp([part(live, n, k).sum() for k in range(min(n, tested or n))]) <= slack}


def _as_set(answer, what):
    """A learner's set of whole numbers; `Wrong` if it is none."""
    values = as_array(list(answer) if isinstance(answer, (set, frozenset, tuple)) else answer, what)
    if values.ndim != 1 or not values.size or not (values % 1 == 0).all():
        raise Wrong(f"{what} is no list of whole numbers.", "such as [2, 6].")
    return {int(n) for n in values}


@exercise(
    second="[n for n in range(1, len(live) + 1) if len(live) % n == 0 and the sums of live[k::n] are all the same].",
    right="the gaps come again after 9 angles, and 252 = 9 * 28: only the divisors of 28 give each subset all kinds of angles.",
)
def balanced_subsets(prediction, balanced):
    """Notebook 05: numbers of subsets that share the live bins evenly, ``balanced(live)``, and a guess of some."""
    guess = _as_set(prediction, "the prediction")
    if not guess <= {6, 7, 9, 14}:
        raise Wrong("the prediction names other numbers.", "choose from 6, 7, 9 and 14.")
    for live, name in zip(sinograms(), ("the mMR", "another scanner"), strict=True):
        answer = _as_set(call(balanced, live), f"the answer for {name}")
        right, blocks = _balanced(live), _balanced(live, part=lambda live, n, k: np.split(live, n)[k])
        mistakes = [
            (_balanced(live, slack=np.inf), "all of them divide the angles.", "count each subset's live bins."),
            (right - {1}, "1 is missing.", "one subset is MLEM, and as even as can be."),
            (blocks, "neighbouring angles are put together.", "subset k takes the angles k, k + n, ...: live[k::n]."),
            (_balanced(live, tested=2), "only the first two subsets are compared.", "all n of them must be alike."),
            (bool(answer - right), f"{sorted(answer - right)} are not balanced.", "compare the sums of live[k::n]."),
            (True, f"{sorted(right - answer)} are missing.", "try every n from 1 to the number of angles."),
        ]
        compare(answer, right, mistakes, prefix=f"for {name}: ")
    if guess != {6, 7, 9, 14} & _balanced(sinograms()[0]):
        raise Wrong("your code is right, but it does not find what you predict.", "look at what it gives for the mMR.")


ROW = np.array([2.0, 2.5, 8.0, 7.0, 3.0])
PAIR = np.array([1.0, 0.5, 0.0, 2.0])  # weight of each voxel with the next: the third pair is an edge


def _gradient(theta=ROW, w=PAIR, left=1, right=1):
    flow = w * np.diff(theta)
    return right * np.append(0, flow) - left * np.append(flow, 0)


@exercise(
    second="flow = w * np.diff(theta): a voxel has minus the flow to its right, and plus that from its left.",
    right="a weight of 0 lets an edge stand: all that Bowsher's prior does is to set such weights by T1.",
)
def prior_gradient(gradient):
    """Notebook 05: the gradient of R = sum of w_j (theta_{j+1} - theta_j)**2 / 2 over a row, ``gradient(theta, w)``."""
    answer, right = call_array(gradient, ROW, PAIR), _gradient()
    ring = PAIR.mean() * (2 * ROW - np.roll(ROW, 1) - np.roll(ROW, -1))  # what np.roll makes of a row
    padded = _gradient(np.pad(ROW, 1), np.pad(PAIR, 1, constant_values=1))[1:-1]
    two = "theta_j stands in two terms: with the next voxel, and with the one before."
    mistakes = [
        (-right, "the sign is wrong.", "R rises where a voxel is raised above its neighbours."),
        (2 * right, "there is a factor of 2 too much.", "d^2 / 2 has the derivative d."),
        (right / 2, "there is a factor of 1/2 too much.", "each pair stands in R once."),
        (_gradient(left=0), "only the voxel before is looked at.", two),
        (_gradient(right=0), "only the next voxel is looked at.", two),
        (_gradient(w=np.ones(4)), "the weights are missing.", "a pair of weight 0 does not pull."),
        (padded, "beyond the row there are zeros.", "there is no neighbour, so no difference: np.diff makes no end."),
        (ring, "the last voxel is a neighbour of the first.", "np.roll closes the row to a ring."),
        ((PAIR * np.diff(ROW) ** 2).sum() / 2, "this is R itself.", "how fast does it change with each voxel?"),
        (PAIR * np.diff(ROW), "it has a value for each pair.", two),
    ]
    compare(answer, right, mistakes, "the gradient", axes=("voxel",))


T1, SIGMA = np.array([10.0, 11.0, 30.0, 31.0, 29.0, 12.0, 10.0]), 3.0


def _kernel(power=2, half=2, reach=2, rows=1):
    d = np.abs(np.subtract.outer(T1, T1))
    near = np.abs(np.subtract.outer(np.arange(7), np.arange(7))) <= reach
    K = np.exp(-(d**power) / (half * SIGMA**power)) * near
    return K / K.sum(axis=rows, keepdims=True) if rows is not None else K


@exercise(
    second="K = np.exp(-(t1[:, None] - t1) ** 2 / (2 * sigma**2)), 0 where |j - l| > 2; then K / K.sum(1, keepdims=True).",
    right="with P @ K for P, MLEM needs no other change: what it cannot write as K @ alpha, noise above all, it cannot show.",
)
def kernel_matrix(kernel):
    """Notebook 05: means over voxels of like T1 that are at most two away, ``kernel(t1, sigma)``, (7, 7)."""
    answer, right = call_array(kernel, T1, SIGMA), _kernel()
    own = "an even image must stay as it is: each *row* sums to 1."
    mistakes = [
        (_kernel(rows=None), "the rows do not sum to 1.", own),
        (_kernel(rows=0), "the columns sum to 1.", own),
        (_kernel(rows=(0, 1)), "the whole matrix sums to 1.", own),
        (_kernel(reach=7), "all voxels are neighbours.", "those more than two away have weight 0."),
        (_kernel(reach=1), "only the next voxels are neighbours.", "two away is near enough."),
        (_kernel(half=1), "the 2 in 2 sigma^2 is missing.", "compare the exponent with the formula."),
        (_kernel(power=1), "the difference is not squared.", "compare the exponent with the formula."),
        (_kernel() - np.diag(np.diag(_kernel())), "a voxel is not its own neighbour.", "it is the most alike of all."),
    ]
    compare(answer, right, mistakes, "the kernel", axes=("voxel", "neighbour"))


@functools.cache
def lesion_scans():
    """Two scans of a plane of the embedded head, X, the head and the healthy PET image, masks of lesion and white matter."""
    ring = Scanner.mmr(rings=1)
    head, healthy = (load_subject("embedded", ring, lesions=lesions) for lesions in (True, False))
    X = Projector(ring, radius=120, device="cpu")
    scans = [measure(head, X, fwhm=4.5, counts=8e5, randoms=0.3, seed=seed) for seed in (1, 2)]
    spot = next(lesion.mask for lesion in head.lesions if lesion.name == "hot 8 mm")
    white = binary_erosion(head.labels == 3, np.ones((1, 3, 3))) & (head.lesion_map == 0)
    return scans, X, head, healthy.pet, spot, white


def recovery_and_noise(images):
    """Part of the 8 mm lesion that is recovered, and noise in deep white matter, from the images of both scans."""
    scans, _, head, healthy, spot, white = lesion_scans()
    a, b = (image / scan.scale for image, scan in zip(images, scans, strict=True))
    recovery = ((a + b) / 2 - healthy)[spot].mean() / (head.pet - healthy)[spot].mean()
    return recovery, (a - b)[white].std() / np.sqrt(2) / head.pet[white].mean()


# MLEM and OSEM with the true blur reach a recovery of 0.5 at a noise of 0.10, with the usual 2.5 mm at 0.13.
ENOUGH, LIMIT = 0.5, 0.093


@exercise(
    second="osem(A @ X @ PSF(X.scanner, 4.5) @ K, ...) with K = Kernel(t1, X.scanner.voxel): how many passes, how many subsets?",
    right="plain MLEM is noisier wherever it stops. What did it cost: are edges still right, would another lesion come back?",
)
def recover_the_lesion(method):
    """Notebook 05, open: recover half of the 8 mm lesion at little noise, image = ``method(A, X, m, r, t1)``."""
    scans, X, head, *_ = lesion_scans()
    images = [call_array(method, scan.A, X, scan.m, scan.r, head.t1) for scan in scans]
    if not all(image.shape == X.dims and np.isfinite(image).all() and image.min() >= 0 for image in images):
        raise Wrong(f"an image {X.dims} of numbers from 0 is wanted.", "with kernel EM it is K @ alpha.")
    recovery, noise = recovery_and_noise(images)
    found = f"recovery {recovery:.2f}, noise {noise:.3f}"
    total = sum(image.sum() for image in images) / (head.pet.sum() * sum(scan.scale for scan in scans))
    unit, both = f"{total:.2g} times as much activity as in truth.", f"{found}: too little, and too noisy."
    mistakes = [
        (np.array_equal(*images), "both scans give the same image.", "an image not made of m says nothing of it."),
        (not 0.8 < total < 1.25, unit, "keep the unit that a reconstruction has."),
        (recovery < ENOUGH and noise > LIMIT, both, "another method, not another stop."),
        (recovery < ENOUGH, f"{found}: {ENOUGH} is wanted.", "go on a little: more iterations, or less of a prior."),
        (noise > LIMIT, f"{found}: at most {LIMIT} is wanted.", "would T1 help, or sharper edges, or more blur?"),
    ]
    named(recovery, mistakes)
    return f"{found}."
