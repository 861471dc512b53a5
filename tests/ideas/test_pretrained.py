"""The networks that come trained: small files without images, for the scans that they name, as good as they say."""

import json

import numpy as np
import pytest

from petcourse import Projector, Scanner, load_subject
from petcourse.ideas.catalogue import IDEAS, file_of, network, pretrained
from petcourse.ideas.networks import PASSES
from petcourse.learning import ScannedHead, cut, nrmse
from petcourse.scan.size import SMALL_RINGS


def scanned(rings, whole=1e7):
    """With as many counts in each slice as the whole mMR has, of so many in all."""
    scanner = Scanner.mmr(rings)
    subject = cut(load_subject("embedded", scanner))
    return ScannedHead(subject, Projector(scanner, 150), whole * scanner.image_shape[0] / 127, 0, PASSES)


@pytest.fixture(scope="module")
def head():
    return scanned(SMALL_RINGS)


@pytest.mark.parametrize("name", list(IDEAS))
def test_file(name):
    """At most 200 kB, and nothing in it but weights and words."""
    path = file_of(name)
    assert path.stat().st_size <= 200_000
    with np.load(path) as file:
        about = json.loads(file["text"].tobytes())["about"]
        values = sum(file[key].size for key in file.files if key != "text")
    assert values == about["parameters"]
    assert len(about["learned"]) >= 4 and not any("Colin27" in head for head in about["learned"])
    assert "benchmarks.ideas" in about["script"] and about["seconds"] > 0


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in IDEAS])
def test_error_is_the_one_that_is_named(name, head):
    """On the head that was not seen: as written beside the weights, but for another processor's rounding."""
    models, about = pretrained(name, head)
    (image,) = network(name, models).images
    assert about["error"]["head"] == head.subject.name and about["error"]["rings"] == SMALL_RINGS
    assert nrmse(image(head), head.case.truth, head.case.head) == pytest.approx(
        about["error"]["of each seed"][0], rel=5e-3
    )


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: scanned(6, 1e8), "made for trues in a slice .* asked for"),
        (lambda: scanned(6, 1e6), "trues in a slice"),
    ],
)
def test_another_scan(other, message):
    with pytest.raises(ValueError, match=message):
        pretrained("post-processing", other())
