"""The networks of notebook 07: how each is trained, and how it makes an image of a scanned head.

All see images in a unit of their own (`typical`), so a network does not ask for how long was measured.

What the functions share: ``scans`` are `Slices` to learn from, ``mr`` says whether a network sees T1 too, ``epochs`` and ``steps``
how long it learns, ``filters`` how wide its layers are, ``seed`` its first weights. A ``head`` is a `ScannedHead` that keeps images
after PASSES; its images are (z, y, x) float32 in the unit of its case. Trained networks are compiled keras models.
"""

import numpy as np
from tqdm.auto import tqdm

from petcourse.data.subject import load_subject
from petcourse.hardware.device import as_numpy
from petcourse.ideas.bcdnet import bcd_net, train_bcd_net
from petcourse.ideas.boxes import by_slabs, learn_boxes
from petcourse.ideas.slices import thinned
from petcourse.ideas.step import Scanned, relative, typical
from petcourse.ideas.unrolled import unrolled, unrolled_images
from petcourse.learning.backend import load_keras
from petcourse.learning.layer import OperatorLayer
from petcourse.learning.network import residual
from petcourse.learning.rivals import guided_mean
from petcourse.learning.scanned import ScannedHead
from petcourse.reconstruction.em import last, osem
from petcourse.reconstruction.protocol import BLUR, MODEL, middle, on_the_grid
from petcourse.scan.projector import Projector
from petcourse.scan.psf import PSF
from petcourse.scan.scanner import Scanner
from petcourse.scan.simulation import measure

keras = load_keras()
PASSES = {MODEL: (1,), BLUR: (1, 2, 4)}  # of OSEM, after which networks see an image, by the FWHM of its PSF [mm]
START, BCD_START = 1, 2  # of them, for what was taught on slices, and for BCD-Net
SLICES = 32  # of each head
RINGS = 16  # of the scans from which BCD-Net learns
ITERATIONS = 6  # of the unrolled network
ENSEMBLE = 5  # networks that differ in their first weights only


# ---- Slice by slice


def train_on_slices(model, pairs, epochs, seed=0):
    """Show a network scans of slices, in an order that the seed sets; `pairs` holds what it takes and what it should give."""
    rng = np.random.default_rng(seed)
    for _ in tqdm(range(epochs), desc=model.name, unit="epoch"):
        for n in rng.permutation(len(pairs)):
            loss = float(model.train_on_batch(*pairs[n]))
        if not np.isfinite(loss):
            raise ValueError(f"the loss of {model.name} is no longer finite: take a smaller learning rate.")
    return model


def post_processing(scans, mr=False, epochs=30, filters=16, seed=0):
    """A small network that cleans finished images, taught with the truth."""
    batches = [(x, y[0, ..., None]) for x, y in ((scan.channels(mr), scan.target()) for scan in scans)]
    return train_on_slices(_compiled(1 + mr, filters, "mse", seed), _parts(batches), epochs, seed)


def noise2noise(scans, epochs=20, filters=16, seed=0, passes=4):
    """The same network, taught with a late image of the other half of the counts (Lehtinen 2018, arXiv:1803.04189)."""
    batches = []
    for scan in scans:
        halves, late = (thinned(scan, k, seed=seed) for k in (START, passes))
        for one, other in zip(halves, late[::-1], strict=True):
            batches.append((one.channels(), (other.theta / one.unit)[..., None]))
    return train_on_slices(_compiled(1, filters, "mse", seed), _parts(batches), epochs, seed)


def other_half(scans, epochs=20, filters=16, seed=0):
    """The same network, taught with the counts of the other half themselves: how likely its image, projected, makes them."""
    pairs = []
    for scan in scans:
        one, other = thinned(scan, START, seed=seed)
        for seen, scored in ((one, other), (other, one)):
            given = {k: v for k, v in seen.given().items() if k in ("theta", "unit")}
            pairs.append((given | {k: scored.given()[k] for k in ("r", "A")}, scored.given()["m"]))
    cleaning = _compiled(1, filters, "mse", seed)
    train_on_slices(behind_projector(cleaning, scans[0].P), pairs, epochs, seed)
    return cleaning


def behind_projector(network, P):
    """The mean counts that a network's slices would give, compiled with the Poisson likelihood of what was counted."""
    theta, unit = keras.Input(P.dims, name="theta"), keras.Input((1, 1, 1), name="unit")
    r, A = (keras.Input(P.dimsd, name=name) for name in ("r", "A"))
    cleaned = network(keras.ops.reshape(theta, (-1, *P.dims[1:], 1)))
    y = A * OperatorLayer(P)(keras.ops.reshape(cleaned, (-1, *P.dims)) * unit) + r
    model = keras.Model({"theta": theta, "unit": unit, "r": r, "A": A}, y, name="other-half")
    model.compile(keras.optimizers.Adam(3e-3), loss="poisson", jit_compile=False)
    return model


def through_projector(scans, mr=False, epochs=15, detached=False, filters=16, seed=0):
    """The unrolled network, taught end to end with the truth."""
    model = unrolled(scans[0].P, ITERATIONS, mr, filters, detached, seed)
    model.optimizer.learning_rate = 3e-3
    return train_on_slices(model, [(scan.given(mr), scan.target()) for scan in scans], epochs, seed)


def _compiled(channels, filters, loss, seed):
    keras.utils.set_random_seed(seed)
    model = residual(channels, filters, name="post-processing")
    model.compile(keras.optimizers.Adam(3e-3), loss=loss)
    return model


def _parts(batches, size=8):
    return [(x[i : i + size], y[i : i + size]) for x, y in batches for i in range(0, len(x), size)]


# ---- In three dimensions


def mu_net(heads, targets, steps=1000, filters=32, seed=0):
    """The talk's author's network: three layers in space, which see two images, T1, and an image guided by T1.

    After da Costa-Luis & Reader 2021 (doi:10.1109/TRPMS.2020.2986414).

    Parameters
    ----------
    heads : sequence of ScannedHead
    targets : sequence of (z, y, x) float32
        What each should become: the truth, or an image of all counts.
    """
    keras.utils.set_random_seed(seed)
    model = residual(4, filters, 3, name="mu-net")
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)), loss="mse")
    seen = [_seen(head) for head in heads]
    ScannedHead.forget()
    wanted = [target / unit for target, (_, unit) in zip(targets, seen, strict=True)]
    with tqdm(total=steps, desc="mu-net", unit="batch") as bar:
        learn_boxes(model, [channels for channels, _ in seen], wanted, steps, np.random.default_rng(seed), bar)
    return model


def _seen(head):
    """Channels of the mu-net, and the unit."""
    late, early, t1 = head.late(BLUR, 4), head.late(MODEL, 1), head.case.t1
    unit = typical(late)
    channels = guided_mean(late, t1) / unit, late / unit, early / unit, relative(t1)
    return np.stack(channels, axis=-1).astype(np.float32), unit


def turns(names, counts, layers=10, steps=100, filters=78, seed=0):
    """A BCD-Net, taught on the middle rings of some heads, with as many counts for their activity as in a scan of the whole."""
    scanner = Scanner.mmr(RINGS)
    X, scans, truths = Projector(scanner, 150, device="cpu"), [], []
    for name in names:
        subject, whole = load_subject(name, scanner), load_subject(name, Scanner.mmr()).pet.sum(dtype=float)
        scan = measure(subject, X, BLUR, counts * float(subject.pet.sum(dtype=float) / whole), seed=seed)
        P = scan.A @ X @ PSF(scanner, BLUR)
        scans.append(Scanned(P, scan.m, scan.r, last(osem(P, scan.m, scan.r, BCD_START, 14))))
        truths.append(scan.truth)
    return train_bcd_net(scans, truths, layers, filters, steps, seed=seed)[0]


# ---- What each makes of a head


def cleaned(model, head, mr=False):
    """An image after post-processing, slice by slice."""
    theta, t1 = head.late(BLUR, START), head.case.t1
    unit = typical(theta)
    channels = np.stack([theta / unit, *([relative(t1)] if mr else [])], axis=-1)
    return unit * model.predict(channels, verbose=0)[..., 0]


def ensemble(models, head):
    """The mean of what several networks with T1 make; how far they are apart says something of how sure they are."""
    return np.mean([cleaned(model, head, mr=True) for model in models], axis=0)


def in_space(model, head):
    """The mu-net's image."""
    channels, unit = _seen(head)
    return unit * by_slabs(model, channels)


def unrolled_image(model, head, mr=False):
    """The unrolled network's image, after its last iteration."""
    P, m, r, theta, t1 = taking_turns(head, START)
    return as_case(head, last(unrolled_images(model, P, m, r, theta, t1 if mr else None, ITERATIONS)))


def bcd_image(models, head):
    """BCD-Net's image, after its last layer."""
    P, m, r, theta, _ = taking_turns(head, BCD_START)
    return as_case(head, last(bcd_net(P, m, r, theta, models)))


def taking_turns(head, passes):
    """P, counts, randoms, where to start, and T1: on the whole grid."""
    scan, t1 = head.measured()
    P = scan.A @ head.X @ PSF(head.X.scanner, BLUR)
    theta = on_the_grid(head.late(BLUR, passes) * np.float32(head.counts / 1e8), head.X.dims)
    return P, scan.m, scan.r, head.X.xp.asarray(theta), t1


def as_case(head, image):
    """An image of the whole grid as cases hold it: cut, and in the unit of a scan with 1e8 trues."""
    return np.float32(1e8 / head.counts) * middle(as_numpy(image), head.subject.pet.shape[-1])
