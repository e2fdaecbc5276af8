"""Methods that are not trained by gradients: they look at the training clips and predict, in one go.

A method is a file of this folder and a line here.
"""

from distill.classical.classical import Classical
from distill.classical.deep_scn import DEEP_SCN
from distill.classical.knn import KNN

CLASSICAL: dict[str, Classical] = {"knn": KNN, "deep_scn": DEEP_SCN}
