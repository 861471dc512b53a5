"""Finds, downloads and verifies the raw files of BrainWeb's twenty subjects.

The subjects: Aubert-Broche 2006 (doi:10.1109/TMI.2006.883453) and Collins 1998 (doi:10.1109/42.712135); the server:
Cocosco 1997, "BrainWeb: Online interface to a 3D MRI simulated brain database", NeuroImage 5(4) part 2, S425.
"""

import gzip
import hashlib
import os
import re
import time
import warnings
import zlib
from contextlib import suppress
from numbers import Real
from pathlib import Path

import numpy as np

SHAPE = (362, 434, 362)  # (z, y, x) of a raw file, 0.5 mm apart, two bytes each
SIZE = 2 * SHAPE[0] * SHAPE[1] * SHAPE[2]
CACHE = Path("~/.brainweb")  # where the brainweb package keeps its files, too
BOX_ML = SIZE / 16000  # volume of a whole file: (0.5 mm)^3 for every two bytes
TIMEOUT, TRIES = (5, 30), 3  # seconds to connect and to wait for bytes: a host behind a firewall must not hang us

# SHA-256 of the uncompressed files (the server's gzip bytes differ from day to day). Subject 04 was summed from a
# download; the others were made from BrainWeb's MINC files by a rule that reproduces 04 bit for bit.
_LINES = (Path(__file__).parent / "brainweb.sha256").read_text().splitlines()
SUMS = {int(name[8:10]): digest for digest, name in map(str.split, _LINES)}
# Least and most of labels 1 to 7 and of the head [mL] in subjects 4, 5, 6, 18, 20, 38, 42, 44, 45, 47, 49 and 54.
MEASURED = {"CSF": (254, 441), "grey matter": (925, 1053), "white matter": (573, 743), "fat": (60, 208)}
MEASURED |= {"muscle": (102, 490), "muscle/skin": (799, 1021), "skull": (233, 506), "head": (3580, 4166)}


def file_name(number):
    """Name of a subject's raw file: ``subject_04.bin.gz`` for 4."""
    return f"subject_{number:02d}.bin.gz"


def folders(folder=None):
    """Folders to look for subjects in: `folder` alone if given, else PETCOURSE_BRAINWEB's (if set) and brainweb's cache.

    FileNotFoundError says that a folder that was asked for is missing or holds no subject, ValueError that it is no path.
    """
    if folder is not None and (not isinstance(folder, (str, os.PathLike)) or folder == ""):
        raise ValueError(f"folder is {folder!r}, but a path is wanted: name a folder of subjects, or leave it out.")
    asked = os.environ.get("PETCOURSE_BRAINWEB") if folder is None else folder
    if not asked:
        return [CACHE.expanduser()]
    asked = Path(asked).expanduser()
    if not any((asked / file_name(n)).is_file() for n in SUMS):
        raise FileNotFoundError(
            f"{'PETCOURSE_BRAINWEB' if folder is None else 'folder'} is {str(asked)!r}, which "
            f"{'holds no BrainWeb subject' if asked.is_dir() else 'is no folder'}: name one with files such as "
            f"{file_name(4)}, or leave it out."
        )
    return [asked] if folder is not None else [asked, CACHE.expanduser()]


def local_subjects(folder=None):
    """Numbers of the subjects that are on this machine, in `folders` (not yet verified), as an ascending list."""
    places = folders(folder)
    return [n for n in SUMS if any((p / file_name(n)).is_file() for p in places)]


def read_labels(path, number):
    """Tissue labels of a raw file, after its size, SHA-256 and values have been verified.

    A raw file stores rint(label * 4095 / 255). The brainweb package expects 16 * label and so misses labels 9 to 11
    (its issue 18); reading labels instead of stored values repairs this.

    Parameters
    ----------
    path, number : path-like, int
        The file, and the subject that it should hold; ValueError says that it is not, or not wholly, that subject.

    Returns
    -------
    labels : (362, 434, 362) uint8
        Indices into `petcourse.data.subject.TISSUES`.
    """
    label_of = np.full(256, 255, np.uint8)
    label_of[np.rint(np.arange(12) * 4095 / 255).astype(int)] = np.arange(12)
    digest, labels, done = hashlib.sha256(), np.empty(SIZE // 2, np.uint8), 0
    try:
        with gzip.open(path) as file:
            while chunk := file.read(1 << 22):
                done += len(chunk)
                if done > SIZE or len(chunk) % 2:
                    break
                digest.update(chunk)
                values = np.frombuffer(chunk, "<u2")
                labels[done // 2 - len(values) : done // 2] = label_of[np.minimum(values, 255)]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is truncated or no gzip file ({error})") from error
    if done != SIZE:
        raise ValueError(f"{path} inflates to {'more than ' * (done > SIZE)}{min(done, SIZE)} bytes instead of {SIZE}")
    found, wanted = digest.hexdigest(), SUMS[number]
    if found != wanted:
        facts = f"{path} has SHA-256 {found} uncompressed, but {wanted} was expected"
        if number == 4 or found in SUMS.values() or labels.max() > 11:
            raise ValueError(facts)
        if odd := oddity(labels.reshape(SHAPE)):
            raise ValueError(f"{facts}, and it {odd}")
        warnings.warn(
            f"{facts}: its tissues are plausible, and the sum comes from BrainWeb's MINC files rather than from a "
            "download, so it is used; look at it before you trust it.",
            stacklevel=2,
        )
    return labels.reshape(SHAPE)


def oddity(labels):
    """What shows that `labels` are no whole head, in words, or None: empty planes, or a tissue far from MEASURED."""
    counts = np.array([np.bincount(plane.ravel(), minlength=12) for plane in labels])
    counts = np.column_stack([counts[:, 1:8], counts[:, 1:].sum(axis=1)])
    first, last = len(labels) // 20, 9 * len(labels) // 10  # measured heads fill 0 to 343 of 362 at least
    if empty := np.count_nonzero(counts[first:last, -1] == 0):
        return f"holds no head in {empty} of the planes {first} to {last - 1}"
    for (tissue, (least, most)), ml in zip(MEASURED.items(), counts.sum(0) * BOX_ML / labels.size, strict=True):
        if not least / 2 < ml < 2 * most:
            return f"holds {ml:.0f} mL of {tissue}, where {least} to {most} are usual"
    return None


def load_labels(number, folder=None):
    """Labels of a subject, as `read_labels`, from a local folder, brainweb's cache, or BrainWeb itself.

    A damaged file in the cache is replaced by a download; one in a folder that was asked for is refused.

    Parameters
    ----------
    number : int
        4, 5, 6, 18, 20, 38 or 41 to 54.
    folder : path-like, optional
        Where to look; else in PETCOURSE_BRAINWEB (an environment variable), ``~/.brainweb`` and the network.

    Raises
    ------
    ValueError, FileNotFoundError, ConnectionError, OSError
        If there is no such subject or its file is damaged, `folder` lacks it, it cannot be downloaded, or not stored.
    """
    if isinstance(number, bool) or not isinstance(number, Real) or number not in SUMS:
        raise ValueError(
            f"BrainWeb has no subject {number!r}: choose from {', '.join(map(str, SUMS))}, or load_subject('embedded')."
        )
    number = int(number)  # 4.0 is 4
    cache = CACHE.expanduser()
    for place in folders(folder):
        path = place / file_name(number)
        if not path.is_file():
            continue
        try:
            return read_labels(path, number)
        except ValueError as error:
            if place != cache:
                raise ValueError(f"{error}: replace or remove this file.") from error
            warnings.warn(f"{error}: it is not used and will be replaced by a download.", stacklevel=2)
    if folder is not None:
        held = ", ".join(map(str, local_subjects(folder)))
        raise FileNotFoundError(f"{str(folder)!r} lacks subject {number}: choose from {held}, or leave out folder.")
    return _download(number, cache)


def _download(number, cache):
    import requests

    name = file_name(number)
    part = cache / f".{name}.{os.getpid()}.part"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for left in reversed(range(TRIES)):
            try:
                _fetch(silent_brainweb().LINKS[name], part, name)
                labels = read_labels(part, number)
                break
            except (requests.RequestException, ValueError) as error:
                unreachable = isinstance(error, requests.ConnectionError) and not part.exists()
                if unreachable or not left:  # without a network, or behind a firewall, waiting would not help
                    raise
                time.sleep(1)
        os.replace(part, cache / name)
    except (requests.RequestException, ValueError) as error:
        why = re.split(" (?:for|with) url", str(error))[0]  # requests goes on with the address, at length
        raise ConnectionError(
            f"BrainWeb subject {number} could not be downloaded ({type(error).__name__}: {why}): try again with a "
            f"network, put {name} into {cache}, or use load_subject('embedded')."
        ) from error
    except OSError as error:
        raise OSError(
            f"BrainWeb subject {number} cannot be stored in {cache} ({error.strerror or error}): make 5 MB of writable "
            "room there, name a folder that holds it, or use load_subject('embedded')."
        ) from error
    finally:
        with suppress(OSError):  # it was never made, or the disk that refused it is gone
            part.unlink()
    return labels


def _fetch(url, path, name):
    import requests
    from tqdm.auto import tqdm

    # "identity": the body is a gzip file already and must arrive as it is
    with requests.get(url, stream=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}) as answer:
        answer.raise_for_status()
        total = int(answer.headers.get("Content-Length", 0))
        with open(path, "wb") as file, tqdm(desc=name, total=total or None, unit="B", unit_scale=True) as bar:
            for chunk in answer.iter_content(1 << 16):
                file.write(chunk)
                bar.update(len(chunk))


def silent_brainweb():
    """The `brainweb` package, imported without the warning that it raises on import."""
    with warnings.catch_warnings():
        # brainweb 1.7 imports scipy.ndimage.filters, which SciPy 2 drops; we ask for SciPy below 2 and cannot mend it.
        warnings.filterwarnings("ignore", r"(?s).*scipy\.ndimage\.filters", DeprecationWarning)
        import brainweb
    return brainweb
