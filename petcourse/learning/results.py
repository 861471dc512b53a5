"""The results of a study: kept as JSON, compared head by head, and set as tables."""

import json
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).with_name("study.json")
COMMAND = "python -m benchmarks.learning"


def read_results(path=RESULTS):
    """Read what a study gave; FileNotFoundError says how to make a file that is not there."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is not there: type `{COMMAND} --write`, which makes it anew.") from None


def write_results(results, path=RESULTS):
    """Keep what a study gave."""
    Path(path).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


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
    """Of the methods that do not learn, and see T1 or not, the one with the least error where they were tuned."""
    rivals = {n: m["error"] for n, m in results["methods"].items() if m["mr"] == mr and not m["network"]}
    return min(rivals, key=rivals.get)


def changes(results, name):
    """How much more error than the best rival that sees as much, head by head: 0.1 is a tenth more."""
    rival = best_rival(results, results["methods"][name]["mr"])
    return of_heads(results, name) / of_heads(results, rival) - 1


def hot_recovery(results, name):
    """Contrast recovery per tested head: mean over its hot lesions and the seeds."""
    lesions = results["methods"][name]["recovery"]
    return np.array([np.mean([v for k, v in head.items() if k.startswith("hot")]) for head in lesions])


def table(results):
    """A Markdown table of all methods: errors, lesions, noise, and what a T1 image costs that does not lie on PET."""
    rows = [
        "| method | sees T1 | NRMSE | change against the best rival | SSIM | hot lesions | noise | T1 off by a voxel |"
    ]
    rows.append("|---|---|---|---|---|---|---|---|")
    spread = "{:.2f} ± {:.2f}".format
    for name, method in results["methods"].items():
        mean, half = interval(of_heads(results, name))
        change, width = interval(changes(results, name))
        hot = hot_recovery(results, name)
        off = "-"
        if "shifted" in method:
            heads = len(method["shifted"])
            off = f"{np.mean(np.mean(method['shifted'], axis=1) / of_heads(results, name)[:heads]) - 1:+.1%}"
        rival = name == best_rival(results, method["mr"])
        rows.append(
            f"| {name} | {'yes' if method['mr'] else 'no'} | {mean:.3f} ± {half:.3f} | "
            f"{'the rival' if rival else f'{change:+.1%} ± {width:.1%}'} | {of_heads(results, name, 'ssim').mean():.3f} | "
            f"{spread(hot.mean(), hot.std(ddof=1)) if len(hot) > 1 else f'{hot.mean():.2f}'} | "
            f"{np.mean(method['noise']) if 'noise' in method else np.nan:.3f} | {off} |"
        )
    return "\n".join(rows)


def effort(results):
    """A Markdown table of what each method was tuned to, and what that took."""
    rows = ["| method | settings | inside what was tried | settings tried | reconstructions | trainings |"]
    rows.append("|---|---|---|---|---|---|")
    for name, method in results["methods"].items():
        settings = ", ".join(f"{key} {value:.3g}" for key, value in method["settings"].items()) or "-"
        rows.append(
            f"| {name} | {settings} | {'yes' if method['inside'] else 'no: at an end'} | {method['tried']} | "
            f"{method['reconstructions']} | {method.get('trainings', 0)} |"
        )
    return "\n".join(rows)


def by_head(results):
    """A Markdown table of the change against the best rival on each tested head."""
    rows = ["| method | " + " | ".join(results["test"]) + " |", "|---" * (1 + len(results["test"])) + "|"]
    for name in results["methods"]:
        rows.append(f"| {name} | " + " | ".join(f"{value:+.1%}" for value in changes(results, name)) + " |")
    return "\n".join(rows)


def by_lesion(results):
    """A Markdown table of the contrast recovery of each lesion, mean and standard deviation over tested heads."""
    found = results["methods"].values()
    lesions = sorted({k for method in found for head in method["recovery"] for k in head}, key=_kind_and_size)
    rows = ["| method | " + " | ".join(lesions) + " |", "|---" * (1 + len(lesions)) + "|"]
    for name, method in results["methods"].items():
        values = [[np.mean(head[lesion]) for head in method["recovery"] if lesion in head] for lesion in lesions]
        spread = [f" ± {np.std(v, ddof=1):.2f}" if len(v) > 1 else "" for v in values]
        rows.append(
            f"| {name} | " + " | ".join(f"{np.mean(v):.2f}{s}" for v, s in zip(values, spread, strict=True)) + " |"
        )
    return "\n".join(rows)


def _kind_and_size(lesion):
    kind, size, _ = lesion.split()
    return kind, int(size)
