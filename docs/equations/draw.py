"""Draws the paper's equations as SVG files beside this one: they need no script and no font in the browser.

Run it again after a change: `python docs/equations/draw.py`
"""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"mathtext.fontset": "cm", "svg.fonttype": "path", "svg.hashsalt": "equations"})

from matplotlib import pyplot  # noqa: E402 - after the backend is chosen

EQUATIONS = {
    "teacher-student": r"$L_{ts} = \frac{1}{N} \sum_{n=1}^{N} \mathrm{KL}\left(T(x_n) \,\|\, S(x_n)\right)$",
    "self-distillation": r"$L_{self} = \frac{1}{N-\tau} \sum_{n=1}^{N-\tau} "
    r"\mathrm{KL}\left(S(x_{n+\tau}) \,\|\, S(x_n)\right)$",
    "classification": r"$L_{cls} = \frac{1}{N} \sum_{n=1}^{N} \ell\left(S(x_n),\, y\right)$",
    "combined": r"$L = L_{cls} + \alpha\, L_{ts} + \beta\, L_{self}$",
    "divergence": r"$\mathrm{KL}(P \,\|\, Q) = \sum_{c} P(c)\, \log \frac{P(c)}{Q(c)}$",
    "auc": r"$\mathrm{AUC} = \frac{1}{N} \sum_{n=1}^{N} \mathrm{accuracy}(n/N)$",
}

for name, text in EQUATIONS.items():
    figure = pyplot.figure(figsize=(0.1, 0.1))
    figure.text(0, 0, text, fontsize=15)
    figure.savefig(
        Path(__file__).with_name(f"{name}.svg"),
        bbox_inches="tight",
        pad_inches=0.03,
        transparent=True,
        metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
    )
    pyplot.close(figure)
