"""How long learning takes and what it gains: ``python -m benchmarks.learning [--subject 4] [--epochs 1000] [--write]``.

Prints a table in Markdown; ``--write`` also puts it into LEARNING.md. Nothing is taken from the results cache.
"""

import argparse
import datetime
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from benchmarks.projectors import machine
from petcourse import Projector, Scanner, as_slices, load_subject, reconstruct
from petcourse.unet import train, unet

RESULTS = Path(__file__).with_name("LEARNING.md")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", help='a BrainWeb number, or "embedded"; default: the first at hand')
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    number = int(options.subject) if options.subject and options.subject.isdigit() else options.subject

    start = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PETCOURSE_CACHE"] = folder
        scanner = Scanner.mmr()
        subject = load_subject(number, scanner)
        theta, truth = reconstruct(subject, Projector(scanner, radius=150), iterations=11)
    building = perf_counter() - start

    unit = 1e8 / truth.sum()
    inputs, targets = as_slices(theta * unit), as_slices(truth * unit)
    half = len(inputs) // 2
    start = perf_counter()
    model = unet(inputs.shape[1:], seed=0)
    history = train(
        model, inputs[:half], targets[:half], options.epochs, validation=(inputs[half:], targets[half:]), seed=0
    )
    training = perf_counter() - start
    square = (inputs - targets) ** 2
    before = square[:half].mean(), square[half:].mean()
    after = history["loss"][-1], history["val_loss"][-1]
    change = [f"{b:.3g} to {a:.3g} ({a / b - 1:+.0%})" for b, a in zip(before, after, strict=True)]

    text = f"""# What learning takes

Measured on {datetime.date.today()} by `python -m benchmarks.learning --write`, on {subject.name}.

Machine: {machine()}, keras {version("keras")}.

| what | measured |
|---|---|
| simulate and reconstruct one subject, 11 iterations, full size [s] | {building:.1f} |
| U-Net of {model.count_params()} parameters, {len(inputs[:half])} slices, {options.epochs} epochs [s] | {training:.0f} |
| mean squared error, MLEM to network, half that was learned | {change[0]} |
| mean squared error, MLEM to network, other half of the same brain | {change[1]} |
"""
    print(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
