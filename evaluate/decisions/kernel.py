"""A weighted sum of Gaussian kernels: what a kernel ridge regression and a one-class support vector machine compute.

So a fitted rule needs the arrays only, and no object of scikit-learn.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def kernel_sum(values: Array, points: Array, weights: Array, width: float) -> Array:
    """Return Σ over v of w_v · exp(−γ |x − x_v|²) for each clip, (clips,). A clip's value depends on this clip only.

    Args:
        values: (clips, F), the x.
        points: (V, F), the x_v, such as support vectors.
        weights: (V,), the w_v.
        width: γ.
    """
    from scipy.spatial.distance import cdist  # takes a second to load

    # Neither the distances nor the sum go through BLAS, whose last bits depend on the number of clips.
    kernel = np.exp(-width * cdist(values, points, "sqeuclidean"))  # (clips, V)
    return np.asarray((kernel * weights).sum(axis=1))
