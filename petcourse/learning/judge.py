"""What images of one tested head are worth: errors, lesions, noise, and what a T1 image does that does not belong to it."""

from petcourse.data.subject import load_subject
from petcourse.learning.cases import cut
from petcourse.learning.metrics import grey_white, noise, nrmse, psnr, recoveries, ssim
from petcourse.reconstruction.protocol import BLUR, MODEL


def beside_wrong_t1(head, other):
    """The same scan beside T1 images that do not belong to it."""
    return {
        "shifted": head.with_shifted_t1(1),
        "further": head.with_shifted_t1(2),
        "foreign": head.with_t1(other.subject.t1),
    }


def judge(images, head, twin, beside, sees_t1):
    """What the methods make of one tested head, as plain data."""
    case, scanner = head.case, head.X.scanner
    plain, flat = (cut(load_subject(head.subject.number, scanner, texture=t, lesions=False)).pet for t in (True, False))
    made = {name: [image(head) for image in of_seeds] for name, of_seeds in images.items()}
    again = {name: [image(twin) for image in of_seeds] for name, of_seeds in images.items()} if twin else {}
    curve = {f"{fwhm} mm": _curve(head, twin, plain, fwhm) for fwhm in (MODEL, BLUR)} if twin else {}
    methods = {}
    for name, of_seeds in made.items():
        methods[name] = entry = scores(of_seeds, case)
        found = [recoveries(image, case, plain, scanner.voxel) for image in of_seeds]
        entry["recovery"] = {lesion: [float(values[lesion][0]) for values in found] for lesion in found[0]}
        if twin:
            entry["noise"] = [noise(pair, case.brain) for pair in zip(of_seeds, again[name], strict=True)]
    for wrong, scan in beside.items():
        for name in filter(sees_t1.get, images):
            methods[name][wrong] = [nrmse(image(scan), case.truth, case.head) for image in images[name]]
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
