"""Finds the raw files of BrainWeb's subjects on this machine, or downloads them."""

import os
import re
import tempfile
import time
import warnings
from contextlib import suppress
from numbers import Real
from pathlib import Path

from petcourse.data.labels import SUMS, file_name, read_labels
from petcourse.errors import first_line

CACHE = Path("~/.brainweb")  # where the brainweb package keeps its files, too
TIMEOUT, TRIES = (5, 30), 3  # seconds to connect and to wait for bytes: a host behind a firewall must not hang us
PATIENCE, LIMIT_MB = 300, 20  # seconds for a file, and the most that one may take: they have 3 to 4 MB


def cache_folder():
    """CACHE; for a user without a home (some containers), a folder among the temporary files."""
    try:
        return CACHE.expanduser()
    except RuntimeError:
        return Path(tempfile.gettempdir()) / CACHE.name


def is_in(folder, number):
    """Whether a folder has a subject's file (not yet verified); PermissionError if it may not be looked into."""
    try:
        return (folder / file_name(number)).is_file()
    except PermissionError:
        raise PermissionError(
            f"{folder} may not be read: change its permissions, or let PETCOURSE_BRAINWEB name another folder."
        ) from None


def folders(folder=None):
    """Folders to look for subjects in: `folder` alone if given, else PETCOURSE_BRAINWEB's (if set) and brainweb's cache.

    FileNotFoundError says that a folder that was asked for is missing or holds no subject, ValueError that it is no path.
    """
    if folder is not None and (not isinstance(folder, (str, os.PathLike)) or folder == ""):
        raise ValueError(f"folder is {folder!r}, but a path is wanted: name a folder of subjects, or leave it out.")
    name, asked = ("folder", folder) if folder else ("PETCOURSE_BRAINWEB", os.environ.get("PETCOURSE_BRAINWEB"))
    if not asked:
        return [cache_folder()]
    path = Path(asked).expanduser()
    if not any(is_in(path, n) for n in SUMS):
        fault = "holds no BrainWeb subject" if path.is_dir() else "is no folder"
        raise FileNotFoundError(
            f"{name} is {str(path)!r}, which {fault}: name one with files such as {file_name(4)}, or leave it out."
        )
    return [path] if folder else [path, cache_folder()]


def local_subjects(folder=None):
    """Numbers of the subjects that are on this machine, in `folders` (not yet verified), as an ascending list."""
    places = folders(folder)
    return [n for n in SUMS if any(is_in(place, n) for place in places)]


def load_labels(number, folder=None):
    """Labels of a subject, as `read_labels`: from one of its `folders`, or else from BrainWeb itself.

    A damaged file in brainweb's cache is replaced by a download; one in a folder that was asked for is refused.
    ValueError says that there is no such subject or that its file is damaged; FileNotFoundError, PermissionError,
    ConnectionError or another OSError that `folder` lacks it or may not be read, or that it cannot be had or stored.
    """
    if isinstance(number, bool) or not isinstance(number, Real) or number not in SUMS:
        raise ValueError(
            f"BrainWeb has no subject {number!r}: choose from {', '.join(map(str, SUMS))}, or load_subject('embedded')."
        )
    number = int(number)  # 4.0 is 4
    cache = cache_folder()
    for place in folders(folder):
        try:
            if is_in(place, number):
                return read_labels(place / file_name(number), number)
        except ValueError as error:
            if folder or place != cache:
                raise ValueError(f"{error}: replace or remove this file.") from None
            warnings.warn(f"{error}: it is not used and will be replaced by a download.", stacklevel=2)
    if folder:
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
                _fetch(silent_brainweb().LINKS[name], part)
                labels = read_labels(part, number)
                break
            except (requests.RequestException, ValueError) as error:
                # Without a network, behind a firewall or at a drip, waiting would not help.
                unreachable = isinstance(error, requests.ConnectionError) and not part.exists()
                if unreachable or isinstance(error, requests.Timeout) or not left:
                    raise
                time.sleep(1)
        os.replace(part, cache / name)
    except (requests.RequestException, ValueError) as error:
        why = re.split(" (?:for|with) url", first_line(error))[0]  # requests goes on with the address, at length
        raise ConnectionError(
            f"BrainWeb subject {number} could not be downloaded ({type(error).__name__}: {why}): try again with a "
            f"network, put {name} into {cache}, or use load_subject('embedded')."
        ) from None
    except OSError as error:
        raise OSError(
            f"BrainWeb subject {number} cannot be stored in {cache} ({error.strerror or error}): make 5 MB of writable "
            "room there, name a folder that holds it, or use load_subject('embedded')."
        ) from None
    finally:
        with suppress(OSError):  # it was never made, or the disk that refused it is gone
            part.unlink()
    return labels


def _fetch(url, path):
    import requests
    from tqdm.auto import tqdm
    from urllib3.exceptions import HTTPError

    # The body is a gzip file already and must arrive as it is, however the server labels it.
    with requests.get(url, stream=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}) as answer:
        answer.raise_for_status()
        total, start = int(answer.headers.get("Content-Length", 0)), time.monotonic()
        with open(path, "wb") as file, tqdm(desc=path.name, total=total or None, unit="B", unit_scale=True) as bar:
            try:
                for chunk in answer.raw.stream(256, decode_content=False):
                    file.write(chunk)
                    bar.update(len(chunk))
                    if bar.n > LIMIT_MB * 1e6 or time.monotonic() - start > PATIENCE:
                        raise requests.Timeout(f"{bar.n} bytes, and no end, after {time.monotonic() - start:.0f} s")
            except HTTPError as error:
                raise requests.ConnectionError(error) from None


def silent_brainweb():
    """The `brainweb` package, imported without the warning that it raises on import."""
    with warnings.catch_warnings():
        # brainweb 1.7 imports scipy.ndimage.filters, which SciPy 2 drops; we ask for SciPy below 2 and cannot mend it.
        warnings.filterwarnings("ignore", r"(?s).*scipy\.ndimage\.filters", DeprecationWarning)
        import brainweb
    return brainweb
