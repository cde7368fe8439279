"""Draws bars beside each other, as SVG. Needs matplotlib, so it runs in an environment of its own.

python plot.py FILE < {"rows": [...], "marked": [...], "panels": [{"title", "values"}]}
"""

# matplotlib is not part of the environment that types are checked in.
# pyright: reportMissingImports=false

import json
import sys
from typing import Any

MARKED, OTHERS = "#2a9d6f", "#9aa0a6"


def draw(data: dict[str, Any], path: str) -> None:
    """One panel a figure; `marked` rows stand out."""
    import matplotlib

    matplotlib.use("svg")
    # The same figures make the same file.
    matplotlib.rcParams["svg.hashsalt"] = "switchyard"
    from matplotlib import pyplot

    rows = data["rows"][::-1]
    colours = [MARKED if row in data["marked"] else OTHERS for row in rows]
    figure, axes = pyplot.subplots(
        1, len(data["panels"]), figsize=(12, 0.4 * len(rows) + 1.2), sharey=True
    )
    for axis, panel in zip(axes, data["panels"], strict=True):
        bars = axis.barh(rows, panel["values"][::-1], color=colours)
        axis.bar_label(bars, fmt=_label, padding=3)
        axis.set_title(panel["title"])
        axis.margins(x=0.15)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 25 else f"{value:.2f}"


if __name__ == "__main__":
    draw(json.load(sys.stdin), sys.argv[1])
