"""Weights of trained networks, kept with what they were made for, and refused for anything else."""

import json
import zipfile
from pathlib import Path

import numpy as np

from petcourse.errors import first_line

FOLDER = Path(__file__).parent


def keep(path, models, made_for, about):
    """Write the weights of networks to a file.

    Parameters
    ----------
    path : path-like
        Ends on ``.npz``.
    models : sequence of keras.Model
        All layers of a BCD-Net, or one network alone.
    made_for : dict
        Plain data that must be the same where they are used: the network, its input (method, PSF, iterations, counts,
        unit) and the scanner.
    about : dict
        Plain data for information: heads that were learned from, error on a head that was not, script, commit.
    """
    weights = [np.asarray(w, np.float32) for model in models for w in model.get_weights()]
    text = json.dumps({"made_for": made_for, "about": about, "networks": len(models)})
    np.savez_compressed(
        path, text=np.frombuffer(text.encode(), np.uint8), **{f"w{n}": w for n, w in enumerate(weights)}
    )


def load(path, models, made_for):
    """Give networks the weights of a file.

    Parameters
    ----------
    path : path-like or str
        A file, or the name of one that is in the package.
    models : sequence of keras.Model
        Changed.
    made_for : dict
        As for `keep`.

    Returns
    -------
    about : dict

    Raises
    ------
    ValueError
        If the file is damaged, or the weights were made for something else.
    """
    path = Path(path) if Path(path).suffix else FOLDER / f"{path}.npz"
    try:
        with np.load(path) as file:
            text = json.loads(file["text"].tobytes())
            weights = [file[f"w{n}"] for n in range(len(file.files) - 1)]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"the weights {path.name} cannot be read ({first_line(error)}): train anew.") from None
    for key in sorted({*text["made_for"], *made_for}):
        made, asked = text["made_for"].get(key), json.loads(json.dumps(made_for.get(key)))
        if made != asked:
            raise ValueError(
                f"the weights {path.name} were made for {key} {made!r} and are asked for {asked!r}: train anew, or use what they "
                "were made for."
            )
    shapes = [[w.shape for w in model.get_weights()] for model in models]
    if text["networks"] != len(models) or [w.shape for w in weights] != [s for of_one in shapes for s in of_one]:
        raise ValueError(
            f"the weights {path.name} are those of {text['networks']} other networks: build them as they were."
        )
    for model in models:
        model.set_weights([weights.pop(0) for _ in model.get_weights()])
    return text["about"]
