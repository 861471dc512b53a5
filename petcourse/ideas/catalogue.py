"""The networks of notebook 07 by name: how each is built, what it makes of a head, and the weights that come with the course."""

from dataclasses import dataclass, field

from petcourse.cache import code_hash, hash_of
from petcourse.ideas.bcdnet import cleaner
from petcourse.ideas.networks import (
    BCD_START,
    ENSEMBLE,
    ITERATIONS,
    START,
    bcd_image,
    cleaned,
    ensemble,
    in_space,
    unrolled_image,
)
from petcourse.ideas.slices import of_slices, slice_scanner
from petcourse.ideas.unrolled import unrolled
from petcourse.ideas.weights import FOLDER, load
from petcourse.learning.network import residual
from petcourse.learning.study import Trained
from petcourse.reconstruction.protocol import BLUR, MODEL
from petcourse.scan.projector import Projector
from petcourse.scan.psf import PSF


@dataclass(frozen=True)
class Idea:
    """A network.

    Attributes
    ----------
    build : function
        Its untrained models: a list.
    image : function
        From models and a `ScannedHead` to its image.
    mr : bool
        Whether it sees T1.
    passes : dict
        Of OSEM, after which it sees an image, by the FWHM of its PSF [mm].
    """

    build: callable
    image: callable
    mr: bool
    passes: dict = field(default_factory=lambda: {BLUR: (START,)})


def _unrolled(mr):
    scanner = slice_scanner(2)  # of any number of slices: the weights are the same
    P = of_slices(Projector(scanner, 30, device="cpu"), PSF(scanner, BLUR))
    return [unrolled(P, ITERATIONS, mr)]


def _slice_by_slice(mr=False):
    return Idea(lambda: [residual(1 + mr)], lambda models, head: cleaned(*models, head, mr), mr)


def _in_space(models, head):
    return in_space(*models, head)


IDEAS = {
    "post-processing": _slice_by_slice(),
    "post-processing, T1": _slice_by_slice(True),
    "ensemble, T1": Idea(lambda: [residual(2) for _ in range(ENSEMBLE)], ensemble, True),
    "mu-net, T1": Idea(lambda: [residual(4, 32, 3)], _in_space, True, {MODEL: (1,), BLUR: (4,)}),
    "mu-net, T1, full counts": Idea(lambda: [residual(4, 32, 3)], _in_space, True, {MODEL: (1,), BLUR: (4,)}),
    "BCD-Net": Idea(lambda: [cleaner() for _ in range(10)], bcd_image, False, {BLUR: (BCD_START,)}),
    "unrolled": Idea(lambda: _unrolled(False), lambda models, head: unrolled_image(*models, head), False),
    "unrolled, T1": Idea(lambda: _unrolled(True), lambda models, head: unrolled_image(*models, head, True), True),
    "unrolled, detached": Idea(lambda: _unrolled(False), lambda models, head: unrolled_image(*models, head), False),
    "Noise2Noise": _slice_by_slice(),
    "other half": _slice_by_slice(),
}


def made_for(name, head):
    """What a network's weights are for: scans such as this one."""
    scanner = head.X.scanner
    return {
        "network": name,
        "input": {"OSEM": [[fwhm, *kept] for fwhm, kept in IDEAS[name].passes.items()], "T1": IDEAS[name].mr},
        "trues in a slice": float(f"{head.counts / scanner.image_shape[0]:.4g}"),
        "scanner": {"voxel": scanner.voxel, "angles": scanner.sinogram_shape[1], "bins": scanner.sinogram_shape[2]},
    }


def file_of(name):
    """Where the weights of a network lie."""
    return FOLDER / f"{name.replace(', ', '-').replace(' ', '-')}.npz"


def pretrained(name, head):
    """A trained network of notebook 07, for scans such as that of this head.

    Parameters
    ----------
    name : str
        Of IDEAS.
    head : ScannedHead
        A scan with other counts, or of another scanner, than the network was trained with is refused with a ValueError.

    Returns
    -------
    models : list of keras.Model
        For ``IDEAS[name].image(models, head)``.
    about : dict
        Heads that were learned from, parameters, seconds of training, error on a head that was not seen, script, commit.
    """
    models = IDEAS[name].build()
    return models, load(file_of(name), models, made_for(name, head))


def network(name, models):
    """A trained network, as a study takes it."""
    key = code_hash("ideas") + hash_of(*(w for model in models for w in model.get_weights()))
    return Trained(name, [lambda head: IDEAS[name].image(models, head)], IDEAS[name].mr, IDEAS[name].passes, key)
