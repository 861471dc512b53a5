"""Results: intervals against SciPy, comparison head by head, tables, and the page that is made of the kept file."""

import re

import numpy as np
import pytest
from scipy.stats import ttest_1samp, wilcoxon

from benchmarks import learning
from petcourse.learning.results import (
    best_rival,
    by_head,
    by_lesion,
    changes,
    effort,
    hot_recovery,
    interval,
    read_results,
    smallest_p,
    table,
    write_results,
)


def method(error, nrmse, mr=False, network=False, **more):
    lesions = [{"hot 15 mm": [0.8], "hot 5 mm": [0.4], "cold 7 mm": [0.1]}, {"hot 15 mm": [1.0]}]
    return {
        "settings": {"beta": 0.001}, "error": error, "inside": True, "last_step": 0.0, "tried": [[0.001, error]],
        "reconstructions": 3, "mr": mr, "network": network, "nrmse": nrmse, "ssim": nrmse, "recovery": lesions,
    } | more  # fmt: skip


RESULTS = {
    "test": ["A", "B"],
    "methods": {
        "MLEM": method(0.5, [[0.40], [0.50]], noise=[[0.1]]),
        "RDP": method(0.4, [[0.50], [0.40]], inside=False, last_step=0.02),
        "mean by T1": method(0.3, [[0.30], [0.20]], mr=True, shifted=[[0.33]]),
        "U-Net": method(0.0, [[0.44, 0.46], [0.42, 0.42]], network=True),
        "U-Net, T1": method(0.0, [[0.33], [0.21]], mr=True, network=True),
    },
}


def rows(text):
    header, _, *body = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines())
    return {cells[0]: dict(zip(header[1:], cells[1:], strict=True)) for cells in body}


def test_the_interval_is_that_of_the_t_test():
    values = np.random.default_rng(0).normal(0.02, 0.01, 5)
    mean, half = interval(values)
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert interval([0.3])[0] == 0.3 and np.isnan(interval([0.3])[1])


@pytest.mark.parametrize("heads", [1, 2, 5, 8])
def test_no_wilcoxon_test_gives_less(heads):
    assert smallest_p(heads) == pytest.approx(wilcoxon(np.arange(1, heads + 1), method="exact").pvalue)


def test_the_rival_is_the_best_where_it_was_tuned_and_sees_no_more():
    """RDP, which is tuned best without T1, and not MLEM, which is better on the first tested head."""
    assert best_rival(RESULTS, mr=False) == "RDP"
    assert best_rival(RESULTS, mr=True) == "mean by T1"


def test_changes_are_on_the_same_head_over_the_mean_of_the_seeds():
    np.testing.assert_allclose(changes(RESULTS, "U-Net"), [0.45 / 0.5 - 1, 0.42 / 0.4 - 1])
    np.testing.assert_allclose(changes(RESULTS, "U-Net, T1"), [0.1, 0.05])
    np.testing.assert_allclose(hot_recovery(RESULTS, "MLEM"), [0.6, 1.0])


def test_tables():
    found = rows(table(RESULTS))
    assert found["RDP"]["change"] == found["mean by T1"]["change"] == "the rival"
    assert found["U-Net, T1"]["change"] == "{:+.1%} ± {:.1%}".format(*interval([0.1, 0.05]))
    assert (found["MLEM"]["noise"], found["RDP"]["noise"]) == ("0.100", "-")
    assert (found["mean by T1"]["T1 shifted"], found["MLEM"]["T1 shifted"]) == ("+10.0%", "-")
    assert found["MLEM"]["hot lesions"] == f"0.80 ± {np.std([0.6, 1.0], ddof=1):.2f}"
    assert rows(by_head(RESULTS))["U-Net"] == {"A": "-10.0%", "B": "+5.0%"}
    lesions = rows(by_lesion(RESULTS))["MLEM"]
    assert list(lesions) == ["cold 7 mm", "hot 5 mm", "hot 15 mm"]
    assert lesions["hot 15 mm"] == f"0.90 ± {np.std([0.8, 1.0], ddof=1):.2f}" and lesions["hot 5 mm"] == "0.40"


def test_the_effort_says_what_was_tried_and_where_it_ended():
    found = rows(effort(RESULTS | {"methods": RESULTS["methods"] | {"net": method(0, [[1]], trainings=3)}}))
    assert found["MLEM"]["settings"] == "beta 0.001" and found["MLEM"]["reconstructions"] == "3"
    assert found["RDP"]["inside what was tried"] == "no; the last step gained 2.0%"
    assert (found["net"]["trainings"], found["MLEM"]["trainings"]) == ("3", "0")


def test_results_come_back_as_they_were(tmp_path):
    write_results(RESULTS, tmp_path / "study.json")
    assert read_results(tmp_path / "study.json") == RESULTS


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"study.json is not there: type `python -m benchmarks.learning --write`"
    ):
        read_results(tmp_path / "study.json")


def test_the_page_is_what_the_kept_results_give():
    results = read_results()
    assert learning.PAGE.read_text(encoding="utf-8") == learning.page(results)
    assert results["made"]["command"] in learning.PAGE.read_text(encoding="utf-8")
    assert not re.search(r"\bnan\b", learning.page(results))
