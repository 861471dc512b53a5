"""The study of notebook 06: which method gives the best image of a head on which nothing was learned or tuned."""

import hashlib

from tqdm.auto import tqdm

from petcourse.data.subject import load_subject
from petcourse.learning.cases import cut, split
from petcourse.learning.metrics import grey_white, noise, nrmse, psnr, recoveries, ssim
from petcourse.learning.rivals import METHODS, tune
from petcourse.learning.scanned import PASSES, SUBSETS, ScannedHead
from petcourse.learning.training import train_networks
from petcourse.reconstruction.protocol import BLUR
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


def study(learn, test, methods=None, seeds=3, epochs=60, scanner=None, twice=1, shifted=2):
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
    twice, shifted : int
        How many of the tested heads are scanned twice, for noise; and with how many T1 is shifted by one voxel.

    Returns
    -------
    dict
        Plain data, as `results.write` keeps it: heads and settings, and for each method what it was tuned to, what that
        took, and lists by tested head and seed of what the images are worth.
    """
    split([*learn, *test], len(test))
    scanner = Scanner.mmr() if scanner is None else scanner
    X, counts = Projector(scanner, RADIUS), course_trues(scanner)
    names = [*METHODS, *NETWORKS] if methods is None else list(methods)

    def scanned(name, seed=0, passes=None):
        return ScannedHead(cut(load_subject(name, scanner)), X, counts, seed, passes)

    tuning = scanned(learn[0])
    tuned = {name: tune(METHODS[name], [tuning]) for name in names if name in METHODS}
    images = {name: [_with(METHODS[name], found["settings"])] for name, found in tuned.items()}
    passes = {fwhm: _passes_of(tuned, fwhm) for fwhm in PASSES}
    seen_by_networks = {BLUR: tuple(tuned[LATE]["settings"].values())} if LATE in tuned else {}
    learned = [tuning, *(scanned(name, passes=seen_by_networks) for name in learn[1:])]
    for name in names:
        if name in NETWORKS:
            seen, mr = NETWORKS[name]
            images[name] = train_networks(learned, images[seen][0], seeds, epochs, mr)
            tuned[name] = {"settings": {}, "inside": True, "tried": 0, "reconstructions": 0, "trainings": seeds}
    results = {
        "learn": [head.subject.name for head in learned],
        "test": [],
        "tuned_on": [tuning.subject.name],
        "settings": {"seeds": seeds, "epochs": epochs, "rings": scanner.rings, "trues": counts, "radius": RADIUS,
                     "subsets": SUBSETS},
        "data": {head.subject.name: _data(head) for head in learned},
        "texture": [],
        "methods": {name: {**tuned[name], "mr": _sees_t1(name), "network": name in NETWORKS} for name in names},
    }  # fmt: skip
    for n, name in enumerate(tqdm(test, desc="heads to test on", unit="head")):
        head = scanned(name, passes=passes)
        twin = scanned(name, 1, passes) if n < twice else None
        _judge(results, images, head, twin, n < shifted, scanner)
    ScannedHead.forget()
    return results


def _judge(results, images, head, twin, shifted, scanner):
    """Add what the methods make of one tested head."""
    case = head.case
    plain, flat = (cut(load_subject(head.subject.number, scanner, texture=t, lesions=False)).pet for t in (True, False))
    results["test"].append(case.name)
    results["data"][case.name] = _data(head)
    results["texture"].append(nrmse(flat, plain, case.head))
    made = {name: [image(head) for image in of_seeds] for name, of_seeds in images.items()}
    again = {name: [image(twin) for image in of_seeds] for name, of_seeds in images.items()} if twin else {}
    beside = head.with_shifted_t1()
    for name, of_seeds in made.items():
        entry = results["methods"][name]
        for key, value in scores(of_seeds, case).items():
            entry.setdefault(key, []).append(value)
        found = [recoveries(image, case, plain, scanner.voxel) for image in of_seeds]
        lesions = {lesion: [float(values[lesion][0]) for values in found] for lesion in found[0]}
        entry.setdefault("recovery", []).append(lesions)
        if twin:
            pairs = zip(of_seeds, again[name], strict=True)
            entry.setdefault("noise", []).append([noise(pair, case.brain) for pair in pairs])
        if shifted and entry["mr"]:
            values = [nrmse(image(beside), case.truth, case.head) for image in images[name]]
            entry.setdefault("shifted", []).append(values)


def scores(images, case):
    """NRMSE, SSIM and PSNR [dB] in the head, and `grey_white`: a list with a value for each image, by name."""
    where = case.truth, case.head
    return {
        "nrmse": [nrmse(image, *where) for image in images],
        "ssim": [ssim(image, *where) for image in images],
        "psnr": [psnr(image, *where) for image in images],
        "grey_white": [float(grey_white(image, case)) for image in images],
    }


def _with(method, settings):
    return lambda head: method.image(head, *settings.values())


def _passes_of(tuned, fwhm):
    """All passes of OSEM that were chosen with that PSF."""
    chosen = {found["settings"]["passes"] for name, found in tuned.items() if METHODS[name].fwhm == fwhm}
    return tuple(sorted(chosen))


def _sees_t1(name):
    return NETWORKS[name][1] if name in NETWORKS else METHODS[name].mr


def _data(head):
    """What tells one head's images from another's: a hash of its activity and its T1."""
    return hashlib.sha256(head.subject.pet.tobytes() + head.subject.t1.tobytes()).hexdigest()[:16]
