"""Headers in Interfile's form, those of STIR and those of Siemens: lines of ``key := value``.

Keys are compared as STIR does: capitals, ``!``, ``%``, ``_`` and repeated blanks do not count (STIR 6, KeyParser).
"""

import re
from pathlib import Path

LARGEST = 1_000_000  # bytes of a header


def plain(key):
    """A key as it is compared: ``!Matrix size [1]`` is ``matrix size[1]``."""
    return re.sub(r"\s*\[\s*(\d+)\s*\]", r"[\1]", re.sub(r"[\s_]+", " ", key.strip().lower().lstrip("!%$ ")))


class Header:
    """The values of a header, by `plain` keys.

    Parameters
    ----------
    text : str
    path : path-like
        Of the header: what it names lies in the same folder, and errors name it.
    """

    def __init__(self, text, path):
        self.path, self.values = Path(path), {}
        for line in re.split(r"[\r\n]+", text):  # Siemens' lines end in \r\n, \r\r\n or \r alone
            key, sign, value = line.split(";", 1)[0].partition(":=")
            if sign:
                self.values[plain(key)] = value.strip()

    @classmethod
    def read(cls, path):
        """Read a header; ValueError if it is none."""
        path = Path(path)
        raw = path.read_bytes() if path.stat().st_size <= LARGEST else b"\0"
        header = cls(raw.decode("latin-1"), path)
        if b"\0" in raw or "interfile" not in header.values:
            raise ValueError(f"{path.name} is no Interfile header: give the file that begins with !INTERFILE.")
        return header

    def text(self, *keys, default=None):
        """The value of the first of these keys that is there."""
        for key in keys:
            if key in self.values:
                return self.values[key]
        if default is None:
            raise ValueError(
                f"{self.path.name} has no line '{keys[0]} := ...': it is another kind of header, or damaged."
            )
        return default

    def numbers(self, *keys, default=None):
        """A value as a list of float: ``{1, 2}`` or ``1``."""
        value = self.text(*keys, default=default)
        try:
            return [float(part) for part in value.strip("{} ").split(",")]
        except ValueError:
            raise ValueError(f"{self.path.name} says '{keys[0]} := {value}', and numbers are wanted there.") from None

    def number(self, *keys, default=None):
        """A value as one float."""
        first, *rest = self.numbers(*keys, default=default)
        if rest:
            raise ValueError(f"{self.path.name} has a list at '{keys[0]}', where one number is wanted.")
        return first

    def whole(self, *keys, default=None):
        """A value as an int."""
        return int(self.number(*keys, default=default))

    def data(self):
        """The path of the data: in the header's folder, and nowhere else."""
        name = self.text("name of data file")
        path = self.path.parent / name
        if name in ("", ".", "..") or re.search(r"[/\\:]", name):
            raise ValueError(f"{self.path.name} names data outside of its folder ({name}): put both into one folder.")
        if not path.is_file():
            raise ValueError(f"{self.path.name} names {name}, which is not beside it: copy it there.")
        return path
