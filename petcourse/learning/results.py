"""The results of a study: kept as JSON, compared head by head, and set as tables."""

import json
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).with_name("study.json")
IDEAS_RESULTS = Path(__file__).with_name("ideas.json")
COMMAND = "python -m benchmarks.learning"
WRONG_T1 = {"T1 shifted": "shifted", "T1 two voxels off": "further", "another's T1": "foreign"}  # columns of a table


def read_results(path=RESULTS):
    """Read what a study gave; FileNotFoundError says how to make a file that is not there."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is not there: type `{COMMAND} --write`, which makes it anew.") from None


def write_results(results, path=RESULTS):
    """Keep what a study gave."""
    Path(path).write_text(json.dumps(results) + "\n", encoding="utf-8")


def interval(values):
    """Mean of a value per head, and half the width of its 95 % t interval (NaN for a single head)."""
    from scipy.stats import t

    values = np.asarray(values, float)
    n = len(values)
    half = t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return float(values.mean()), float(half)


def smallest_p(heads):
    """The least two-sided p that Wilcoxon's signed rank test can give for so many heads."""
    return min(1.0, 2.0 ** (1 - heads))


def of_heads(results, name, key="nrmse"):
    """One value per tested head: the mean over the seeds."""
    return np.array([np.mean(values) for values in results["methods"][name][key]])


def best_rival(results, mr):
    """Of the methods that do not learn and see no more, the one with the least error where they were tuned."""
    rivals = {n: m["error"] for n, m in results["methods"].items() if m["mr"] <= mr and not m["network"]}
    return min(rivals, key=rivals.get)


def changes(results, name):
    """How much more error than the best rival that sees as much, head by head: 0.1 is a tenth more."""
    rival = best_rival(results, results["methods"][name]["mr"])
    return of_heads(results, name) / of_heads(results, rival) - 1


def hot_recovery(results, name):
    """Contrast recovery per tested head: mean over its hot lesions and the seeds."""
    lesions = results["methods"][name]["recovery"]
    return np.array([np.mean([v for k, v in head.items() if k.startswith("hot")]) for head in lesions])


def table(results, columns=("T1", "NRMSE", "change", "SSIM", "hot lesions", "noise", "T1 shifted"), methods=None):
    """A Markdown table of methods, by default all: what each sees, its errors, lesions and noise.

    NRMSE and change have 95 % t intervals, hot lesions the standard deviation over the heads; what was not measured is -.
    """
    rows = [["method", *columns], ["---"] * (1 + len(columns))]
    for name in results["methods"] if methods is None else methods:
        method = results["methods"][name]
        cells = {"T1": "yes" if method["mr"] else "no", "noise": "-"}
        cells["NRMSE"] = "{:.3f} ± {:.3f}".format(*interval(of_heads(results, name)))
        cells["change"] = "{:+.1%} ± {:.1%}".format(*interval(changes(results, name)))
        if name == best_rival(results, method["mr"]):
            cells["change"] = "the rival"
        cells["SSIM"] = f"{of_heads(results, name, 'ssim').mean():.3f}"
        cells["hot lesions"] = _spread(hot_recovery(results, name))
        if "noise" in method:
            cells["noise"] = f"{np.mean(method['noise']):.3f}"
        for column, wrong in WRONG_T1.items():
            off = np.array([np.mean(values) for values in method.get(wrong, ())])
            cells[column] = f"{np.mean(off / of_heads(results, name)[: len(off)]) - 1:+.1%}" if len(off) else "-"
        rows.append([name, *(cells[column] for column in columns)])
    return _markdown(rows)


def effort(results):
    """A Markdown table of what each method was tuned to, and what that took."""
    rows = [["method", "settings", "inside what was tried", "settings tried", "reconstructions", "trainings"]]
    rows.append(["---"] * 6)
    for name, method in results["methods"].items():
        settings = ", ".join(f"{key} {value:.3g}" for key, value in method["settings"].items()) or "-"
        inside = "yes" if method["inside"] else f"no; the last step gained {method['last_step']:.1%}"
        counts = len(method["tried"]), method["reconstructions"], method.get("trainings", 0)
        rows.append([name, settings if method["tried"] else "-", inside, *map(str, counts)])
    return _markdown(rows)


def by_head(results):
    """A Markdown table of the change against the best rival on each tested head."""
    rows = [["method", *results["test"]], ["---"] * (1 + len(results["test"]))]
    rows += [[name, *(f"{value:+.1%}" for value in changes(results, name))] for name in results["methods"]]
    return _markdown(rows)


def by_lesion(results):
    """A Markdown table of the contrast recovery of each lesion, mean and standard deviation over tested heads."""
    found = results["methods"].values()
    lesions = sorted({k for method in found for head in method["recovery"] for k in head}, key=_kind_and_size)
    rows = [["method", *lesions], ["---"] * (1 + len(lesions))]
    for name, method in results["methods"].items():
        values = [[np.mean(head[lesion]) for head in method["recovery"] if lesion in head] for lesion in lesions]
        rows.append([name, *map(_spread, values)])
    return _markdown(rows)


def _markdown(rows):
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _spread(values):
    return f"{np.mean(values):.2f}" + (f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else "")


def _kind_and_size(lesion):
    kind, size, _ = lesion.split()
    return kind, int(size)
