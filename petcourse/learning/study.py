"""The study of notebook 06: which method gives the best image of a head on which nothing was learned or tuned."""

import json
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from petcourse.cache import cached, code_hash, hash_of
from petcourse.data.subject import load_subject
from petcourse.learning.cases import cut, split
from petcourse.learning.judge import beside_wrong_t1, judge
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


@dataclass(frozen=True)
class Trained:
    """Networks that were trained before the study, and take no part of it but to be judged.

    Attributes
    ----------
    name : str
    images : list of function
        From a `ScannedHead` to its image, for each seed.
    mr : bool
        Whether they see T1.
    passes : dict of tuple of int
        Of OSEM, after which they see an image; as in `ScannedHead`.
    key : str
        Of the weights, for the cache.
    """

    name: str
    images: list
    mr: bool
    passes: dict
    key: str


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


def compare(
    learn,
    test,
    methods=None,
    seeds=3,
    epochs=60,
    scanner=None,
    passes=PASSES,
    twice=1,
    shifted=2,
    trues=1e8,
    trained=(),
):
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
        Default: the whole mMR. The scans hold as many trues in each of its planes as ``trues`` are there.
    passes : dict
        Of OSEM, that are tried; see `ScannedHead`.
    twice, shifted : int
        How many of the tested heads are scanned twice, for noise; and with how many T1 is shifted by one voxel, by two,
        or another head's.
    trues : float
        In a scan of the whole mMR.
    trained : sequence of Trained
        Networks to judge beside the others.

    Returns
    -------
    study : Study
    """
    split([*learn, *test], len(test))
    scanner = Scanner.mmr() if scanner is None else scanner
    X, counts = Projector(scanner, RADIUS), course_trues(scanner) * trues / 1e8
    names = [*METHODS, *NETWORKS] if methods is None else list(methods)

    def scanned(name, passes, seed=0):
        return ScannedHead(cut(load_subject(name, scanner)), X, counts, seed, passes)

    tuning = scanned(learn[0], passes)
    tuned = {name: _kept("tuned", tuning, tune, METHODS[name], [tuning], key=name) for name in names if name in METHODS}
    seen = [network.passes for network in trained]
    chosen = {kept: tuple(sorted(_passes(tuned, kept, seen))) for kept in passes}
    of_networks = {BLUR: tuple(tuned[LATE]["settings"].values())} if LATE in tuned else {}
    learned = [tuning, *(scanned(name, of_networks) for name in learn[1:])]
    images = {name: [_tuned(METHODS[name], found["settings"])] for name, found in tuned.items()}
    for name in names:
        if name in NETWORKS:
            source, mr = NETWORKS[name]
            images[name] = train_networks(learned, images[source][0], seeds, epochs, mr)
            tuned[name] = _untuned(seeds)
    for network in trained:
        images[network.name], tuned[network.name] = network.images, _untuned(len(network.images))
    sees_t1 = {name: METHODS[name].mr if name in METHODS else NETWORKS[name][1] for name in names}
    sees_t1 |= {network.name: network.mr for network in trained}
    settings = {"seeds": seeds, "epochs": epochs, "rings": scanner.rings, "trues": counts, "subsets": SUBSETS}
    results = _empty(learned, settings, tuned, sees_t1)
    key = [names, settings, tuned, results["data"], [network.key for network in trained]]  # all that images depend on
    whole = {  # of a head that is scanned twice: how contrast is paid for
        kept: chosen[kept] if kept == "kernel" else tuple(sorted({*passes[kept], *chosen[kept]})) for kept in passes
    }
    tested = [scanned(name, whole if n < twice else chosen) for n, name in enumerate(test)]
    for n, head in enumerate(tqdm(tested, desc="heads to test on", unit="head")):
        twin = scanned(test[n], whole, seed=1) if n < twice else None
        beside = beside_wrong_t1(head, [*learned, *tested][len(learned) + n - 1]) if n < shifted else {}
        arguments = images, head, twin, beside, sees_t1
        judged = _kept("judged", head, judge, *arguments, key=[*key, twin is not None, *beside])
        _add(results, head, judged)
    ScannedHead.forget()
    return Study(results, images, learned, tested)


def _empty(learned, settings, tuned, sees_t1):
    """Results before a head is judged."""
    return {
        "learn": [head.subject.name for head in learned],
        "test": [],
        "tuned_on": [learned[0].subject.name],
        "settings": settings,
        "data": {head.subject.name: hash_of(head.subject.pet, head.subject.t1) for head in learned},
        "texture": [],
        "curves": [],
        "methods": {name: {**tuned[name], "mr": sees_t1[name], "network": name not in METHODS} for name in sees_t1},
    }


def _add(results, head, judged):
    """What was found on one head."""
    results["test"].append(head.subject.name)
    results["data"][head.subject.name] = hash_of(head.subject.pet, head.subject.t1)
    results["texture"].append(judged["texture"])
    results["curves"] += judged["curves"]
    for name, values in judged["methods"].items():
        for what, value in values.items():
            results["methods"][name].setdefault(what, []).append(value)


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


def _untuned(trainings):
    return {"settings": {}, "inside": True, "tried": [], "reconstructions": 0, "trainings": trainings}


def _tuned(method, settings):
    return lambda head: method.image(head, *settings.values())


def _passes(tuned, kept, seen):
    """All passes after which methods or networks take an image of that kind."""
    own = {
        found["settings"]["passes"] for name, found in tuned.items() if name in METHODS and METHODS[name].kept == kept
    }
    return own.union(*(passes.get(kept, ()) for passes in seen))
