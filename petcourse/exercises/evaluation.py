"""The exercises of notebook 06."""

import numpy as np

from petcourse.exercises import Wrong, call, compare, exercise, named, number

LEARN = [("Ann", z) for z in range(0, 8, 2)] + [("Bob", z) for z in range(4)] + [("Eve", 9)]
TEST = [("Ann", z) for z in range(1, 8, 2)] + [("Bob", 3), ("Cem", 0), ("Cem", 1)]

RNG = np.random.default_rng(5)
HEAD = np.zeros((2, 6, 6), bool)
HEAD[:, 1:5, 2:5] = True
TRUTH = HEAD * (2 + 4 * RNG.random(HEAD.shape))
IMAGE = np.where(HEAD, TRUTH + RNG.normal(size=HEAD.shape), RNG.random(HEAD.shape))

PLACE = np.hypot(*np.mgrid[-6:7, -6:7])
LESION, NEAR = PLACE < 2.5, PLACE < 5
HOT = np.where(LESION, 7.0, 4.0)
SEEN = np.where(LESION, 6.0, 4.3) + 0.2 * RNG.random(PLACE.shape)

CURVE = np.array([[0.05, 0.30], [0.08, 0.50], [0.15, 0.66], [0.25, 0.74]])  # noise, contrast
POINT = np.array([0.11, 0.62])


@exercise(
    second="compare the sets of names: {head for head, z in learn} & {head for head, z in test}.",
    right="if it is not empty, part of the test asks what was taught.",
)
def leak(leaks):
    """Notebook 06: the heads of which slices are both learned from and tested on, ``leaks(learn, test)``."""
    answer = call(leaks, list(LEARN), list(TEST))
    answer = answer.tolist() if isinstance(answer, np.ndarray) else answer
    if not isinstance(answer, (set, frozenset, list, tuple)):
        text = f"it gives {answer!r}, but the names of the heads are wanted, as a set."
        raise Wrong(text, "a yes or no does not say whom to take out.")
    try:
        answer = set(answer)
    except TypeError:
        raise Wrong("it does not hold names.", "a slice is a pair: take the name from it.") from None
    learned, tested = ({head for head, _ in slices} for slices in (LEARN, TEST))
    slices, planes = set(LEARN) & set(TEST), {z for _, z in LEARN} & {z for _, z in TEST}
    mistakes = [
        (slices, "only the very same slices were found.", "the slice beside one is nearly the same."),
        ({"Bob"}, "only heads with the very same slice were found.", "Ann's even slices are beside her odd ones."),
        (planes, "these are numbers of slices.", "slice 3 of two people is no leak: compare the names."),
        (learned, "these are all heads to learn from.", "which of them are tested on as well?"),
        (tested, "these are all heads to test on.", "which of them were learned from as well?"),
        (learned | tested, "these are all heads.", "a leak is in both: use &, not |."),
        (learned ^ tested, "these are the heads in only one of the two.", "they are the safe ones: use &, not ^."),
        (tested - learned, "these heads are only tested on.", "that is as it should be; which are in both?"),
        (set(), "nothing was found.", "one head is in both lists, with other slices."),
        (True, f"{answer} are not the heads in both.", "take the names from each list, then what they share."),
    ]
    compare(answer, learned & tested, mistakes)


@exercise(
    second="test = np.isin(heads, np.unique(heads)[-unseen:]), and learn = ~test.",
    right="a patient is on one side or on the other, with all slices.",
)
def split_by_head(split):
    """Notebook 06: where to learn and where to test, by head, ``by_head(heads, unseen)``."""
    heads = np.repeat([1, 2, 3, 4], (5, 3, 6, 2))[np.random.default_rng(6).permutation(16)]
    answer = call(split, heads, 2)
    answer = list(answer) if isinstance(answer, np.ndarray) and answer.ndim else answer
    if (
        not isinstance(answer, (list, tuple))
        or len(answer) != 2
        or any(np.shape(side) != heads.shape for side in answer)
    ):
        text = f"two arrays with {len(heads)} values are wanted: learn and test."
        raise Wrong(text, "a comparison such as heads > 3 gives True or False for each slice.")
    learn, test = (np.asarray(side) for side in answer)
    if learn.dtype != bool or test.dtype != bool:
        raise Wrong("True or False is wanted for each slice.", "np.isin(heads, some_heads) gives that.")
    twice, unseen = (learn & test).sum(), set(heads[test].tolist())
    shared = unseen & set(heads[learn].tolist())
    mistakes = [
        (twice > 0, f"{twice} slices are on both sides.", "what is tested on must not be learned from: learn = ~test."),
        (shared != set(), f"heads {shared} are on both sides.", "that is a split by slices: split heads, then slices."),
        (not (learn | test).all(), "some slices are on no side.", "learn = ~test uses them all."),
        (unseen == {1, 2}, "the first two heads are tested on.", "the last are wanted; or are learn and test swapped?"),
        (len(unseen) != 2, f"{len(unseen)} heads are tested on, not 2.", "count heads, not slices."),
        (unseen != {3, 4}, f"heads {unseen} are tested on.", "the last two in the order of their numbers are wanted."),
    ]
    named(answer, mistakes)


def _root(difference, norm):
    return np.sqrt(np.mean(difference**2) / np.mean(norm**2))


@exercise(
    second="np.sqrt(((theta - truth)[head] ** 2).sum() / (truth[head] ** 2).sum()).",
    right="the mask, the root and the norm must be named, or two papers' numbers cannot be compared.",
)
def error_in_the_head(error):
    """Notebook 06: the NRMSE in the head, ``root_error(theta, truth, head)``."""
    answer = number(call(error, IMAGE, TRUTH, HEAD), "the error")
    truth, difference = TRUTH[HEAD], (IMAGE - TRUTH)[HEAD]
    right = _root(difference, truth)
    mistakes = [
        (_root(IMAGE - TRUTH, TRUTH), "the air around the head is counted.", "image[head] takes the head's voxels."),
        (_root(difference, np.ones(1)), "it has a unit still.", "divide by the truth's root mean square."),
        (_root(difference, IMAGE[HEAD]), "it is divided by the wrong image.", "by the truth: noise must not help."),
        (right**2, "the root is missing.", "an error of 10 % must be 0.1, not 0.01."),
        (_root(difference, truth.mean()), "it is divided by the mean.", "both sums have squares."),
        (_root(np.sqrt(abs(difference)), np.sqrt(truth)), "these are absolute values.", "square each difference."),
        (_root(difference.mean(), truth), "errors cancel.", "square before you add them up."),
        (_root(difference, TRUTH), "the truth is averaged outside too.", "the same mask belongs to both sums."),
    ]
    compare(answer, right, mistakes, "the error", prefix=f"{answer:.4f} is not right: ")


def _contrast(image, around=NEAR & ~LESION):
    return image[LESION].mean() / image[around].mean() - 1


@exercise(
    second="contrast = inside / around - 1, with around = near & ~lesion; then that of the image over that of the truth.",
    right="it says whether a physician still sees the lesion, which NRMSE does not.",
)
def recovered_contrast(recovery):
    """Notebook 06: the part of a lesion's contrast that an image shows, ``recovery(theta, truth, lesion, near)``."""
    answer = number(call(recovery, SEEN, HOT, LESION, NEAR), "the contrast recovery")
    seen, true = _contrast(SEEN), _contrast(HOT)
    theta, truth, around = SEEN[LESION].mean(), HOT[LESION].mean(), HOT[NEAR & ~LESION].mean()
    common = (theta - around) / (truth - around)
    blur = "each image has its own: blur carries activity there."
    whole = _contrast(SEEN, NEAR) / _contrast(HOT, NEAR)
    mistakes = [
        (theta / truth, "this is the lesion, without its surroundings.", "a lesion is seen against what is around it."),
        (true / seen, "it is upside down.", "how much of the truth's contrast is there: divide by the truth's."),
        (whole, "the surroundings hold the lesion.", "near & ~lesion."),
        ((seen + 1) / (true + 1), "1 is not subtracted.", "a lesion as bright as the rest has contrast 0, not 1."),
        (seen, "this is the image's contrast.", "what part is that of the truth's?"),
        (common, "the truth's surroundings are taken for both.", blur),
    ]
    compare(answer, seen / true, mistakes, "the contrast recovery", prefix=f"{answer:.3f} is not right: ")


@exercise(
    second="contrast - np.interp(noise, curve[:, 0], curve[:, 1]), where noise, contrast = point.",
    right="only at the same noise is contrast a gain, and not a purchase.",
)
def same_noise(gain):
    """Notebook 06: a method's contrast above MLEM's at the same noise, ``gain_over_mlem(point, curve)``."""
    answer = number(call(gain, POINT, CURVE), "the gain")
    (noise, contrast), (noises, contrasts) = POINT, CURVE.T
    noisier = "that one is noisier: read at its noise."
    mlem, nearest = np.interp(noise, noises, contrasts), contrasts[abs(noises - noise).argmin()]
    noise_gain, swapped = noise - np.interp(contrast, contrasts, noises), np.interp(noise, contrasts, noises)
    mistakes = [
        (mlem, "this is MLEM's contrast alone.", "how far above it does the method lie?"),
        (mlem - contrast, "it is upside down.", "a method above the curve gains: positive."),
        (contrast - contrasts[-1], "it is compared with the last iteration.", noisier),
        (contrast - nearest, "it is compared with the nearest dot.", "between two dots, read off the line: np.interp."),
        (contrast / mlem - 1, "it is relative.", "a difference of two contrasts is wanted."),
        (noise_gain, "this is noise at equal contrast.", "swap the two axes."),
        (contrast - swapped, "the axes are swapped.", "first x, the noises; then y."),
    ]
    compare(answer, contrast - mlem, mistakes, "the gain", prefix=f"{answer:.3f} is not right: ")
