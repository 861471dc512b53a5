"""The study of notebook 06: which method gives the best image of a head on which nothing was learned or tuned."""

import json
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from petcourse.cache import cached, code_hash, hash_of
from petcourse.data.subject import load_subject
from petcourse.learning.cases import cut, split
from petcourse.learning.metrics import grey_white, noise, nrmse, psnr, recoveries, ssim
from petcourse.learning.rivals import METHODS, tune
from petcourse.learning.scanned import PASSES, SUBSETS, ScannedHead
from petcourse.learning.training import train_networks
from petcourse.reconstruction.protocol import BLUR, MODEL
from petcourse.scan.projector import Projector
from petcourse.scan.scanner import Scanner
from petcourse.scan.size import course_trues

TALK, LATE = "MLEM, 11 iterations", "MLEM, 4.5 mm"  # the images that networks see
NETWORKS = {  # by name: which image, and whether T1 as well
    "U-Net on MLEM 11": (TALK, False),
    "U-Net on MLEM 11, T1": (TALK, True),
    "U-Net on late MLEM": (LATE, False),
    "U-Net on late MLEM, T1": (LATE, True),
}
RADIUS = 150  # of the field of view [mm]


@dataclass(frozen=True, eq=False)
class Study:
    """What a study gave.

    Attributes
    ----------
    results : dict
        Plain data, as `write_results` keeps it: heads and settings, and for each method what it was tuned to, what that
        took, and lists by tested head and seed of what its images are worth.
    images : dict of str to list of function
        The methods, tuned and trained: from a `ScannedHead` to its image, for each seed.
    learned, tested : list of ScannedHead
    """

    results: dict
    images: dict
    learned: list
    tested: list


def compare(learn, test, methods=None, seeds=3, epochs=60, scanner=None, passes=PASSES, twice=1, shifted=2):
    """Tune and train methods on some heads, and judge them on others; what takes long is kept in the cache.

    The methods that do not learn are tuned on the first head to learn from.

    Parameters
    ----------
    learn, test : list of int or str
        Heads, as `load_subject` takes them; one that is in both is a ValueError.
    methods : sequence of str, optional
        Of METHODS and NETWORKS; a network needs the method whose images it sees. Default: all.
    seeds, epochs : int
        Of the networks: how many first weights, and how long each learns.
    scanner : Scanner, optional
        Default: the whole mMR. The scans hold as many trues in each of its planes as 1e8 are there.
    passes : dict
        Of OSEM, that are tried; see `ScannedHead`.
    twice, shifted : int
        How many of the tested heads are scanned twice, for noise; and with how many T1 is shifted by one voxel.

    Returns
    -------
    study : Study
    """
    split([*learn, *test], len(test))
    scanner = Scanner.mmr() if scanner is None else scanner
    X, counts = Projector(scanner, RADIUS), course_trues(scanner)
    names = [*METHODS, *NETWORKS] if methods is None else list(methods)

    def scanned(name, passes, seed=0):
        return ScannedHead(cut(load_subject(name, scanner)), X, counts, seed, passes)

    tuning = scanned(learn[0], passes)
    tuned = {name: _kept("tuned", tuning, tune, METHODS[name], [tuning], key=name) for name in names if name in METHODS}
    chosen = {kept: tuple(sorted(_passes(tuned, kept))) for kept in passes}
    of_networks = {BLUR: tuple(tuned[LATE]["settings"].values())} if LATE in tuned else {}
    learned = [tuning, *(scanned(name, of_networks) for name in learn[1:])]
    images = {name: [_tuned(METHODS[name], found["settings"])] for name, found in tuned.items()}
    for name in names:
        if name in NETWORKS:
            seen, mr = NETWORKS[name]
            images[name] = train_networks(learned, images[seen][0], seeds, epochs, mr)
            tuned[name] = {"settings": {}, "inside": True, "tried": [], "reconstructions": 0, "trainings": seeds}
    settings = {"seeds": seeds, "epochs": epochs, "rings": scanner.rings, "trues": counts, "subsets": SUBSETS}
    results = {
        "learn": [head.subject.name for head in learned],
        "test": [],
        "tuned_on": [tuning.subject.name],
        "settings": settings,
        "data": {head.subject.name: hash_of(head.subject.pet, head.subject.t1) for head in learned},
        "texture": [],
        "curves": [],
        "methods": {name: {**tuned[name], "mr": _sees_t1(name), "network": name in NETWORKS} for name in names},
    }
    key = [names, settings, tuned, results["data"]]  # all that the images of a tested head depend on
    whole = {**passes, "kernel": chosen.get("kernel", ())}  # of a head that is scanned twice: how contrast is paid for
    tested = [scanned(name, whole if n < twice else chosen) for n, name in enumerate(test)]
    for n, head in enumerate(tqdm(tested, desc="heads to test on", unit="head")):
        twin = scanned(test[n], whole, seed=1) if n < twice else None
        shift = n < shifted
        judged = _kept("judged", head, _judge, images, head, twin, shift, key=[*key, twin is not None, shift])
        results["test"].append(head.subject.name)
        results["data"][head.subject.name] = hash_of(head.subject.pet, head.subject.t1)
        results["texture"].append(judged["texture"])
        results["curves"] += judged["curves"]
        for name, values in judged["methods"].items():
            for what, value in values.items():
                results["methods"][name].setdefault(what, []).append(value)
    ScannedHead.forget()
    return Study(results, images, learned, tested)


def _kept(name, head, make, *arguments, key):
    """What a function makes of a head: plain data, from the cache or for it."""
    made_by = {
        "head": [head.subject.name, hash_of(head.subject.pet, head.subject.t1)],
        "scanner": head.X.scanner,
        "counts": head.counts,
        "passes": head.passes,
        "key": key,
    }

    def as_array():
        return {"json": np.frombuffer(json.dumps(make(*arguments)).encode(), np.uint8)}

    return json.loads(cached(name, as_array, learning=code_hash("learning"), **made_by)["json"].tobytes())


def _judge(images, head, twin, shifted):
    """What the methods make of one tested head, as plain data."""
    case, scanner = head.case, head.X.scanner
    plain, flat = (cut(load_subject(head.subject.number, scanner, texture=t, lesions=False)).pet for t in (True, False))
    made = {name: [image(head) for image in of_seeds] for name, of_seeds in images.items()}
    again = {name: [image(twin) for image in of_seeds] for name, of_seeds in images.items()} if twin else {}
    curve = {f"{fwhm} mm": _curve(head, twin, plain, fwhm) for fwhm in (MODEL, BLUR)} if twin else {}
    beside, methods = head.with_shifted_t1(), {}
    for name, of_seeds in made.items():
        methods[name] = entry = scores(of_seeds, case)
        found = [recoveries(image, case, plain, scanner.voxel) for image in of_seeds]
        entry["recovery"] = {lesion: [float(values[lesion][0]) for values in found] for lesion in found[0]}
        if twin:
            entry["noise"] = [noise(pair, case.brain) for pair in zip(of_seeds, again[name], strict=True)]
        if shifted and _sees_t1(name):
            entry["shifted"] = [nrmse(image(beside), case.truth, case.head) for image in images[name]]
    return {"texture": nrmse(flat, plain, case.head), "curves": [curve] if twin else [], "methods": methods}


def _curve(head, twin, plain, fwhm):
    """Of MLEM on one head: passes of OSEM, noise between two scans, and mean recovery of the hot lesions."""
    points = []
    for k in head.passes[fwhm]:
        pair = head.late(fwhm, k), twin.late(fwhm, k)
        found = [recoveries(image, head.case, plain, head.X.scanner.voxel) for image in pair]
        hot = [float(values[lesion][0]) for values in found for lesion in values if lesion.startswith("hot")]
        points.append([k, noise(pair, head.case.brain), sum(hot) / len(hot)])
    return points


def scores(images, case):
    """NRMSE, SSIM and PSNR [dB] in the head, and `grey_white`: a list with a value for each image, by name."""
    where = case.truth, case.head
    return {
        "nrmse": [nrmse(image, *where) for image in images],
        "ssim": [ssim(image, *where) for image in images],
        "psnr": [psnr(image, *where) for image in images],
        "grey_white": [float(grey_white(image, case)) for image in images],
    }


def _tuned(method, settings):
    return lambda head: method.image(head, *settings.values())


def _passes(tuned, kept):
    """All passes that methods were tuned to which take these late images."""
    return {found["settings"]["passes"] for name, found in tuned.items() if METHODS[name].kept == kept}


def _sees_t1(name):
    return NETWORKS[name][1] if name in NETWORKS else METHODS[name].mr
