"""The MoViNet of one frame: an image and what is left of the frames before → a feature and what is left for the next.

It computes what `Movinet` computes of a whole clip, up to rounding.
"""

import torch
from torch import Tensor, nn

from extract.networks.video.movinet import Movinet, Past


class MovinetStep(nn.Module):
    """A MoViNet for one frame after another.

    Args:
        network: the MoViNet of whole clips.
        image: an image (1, 3, H, W) of the size that the network gets, to find the shapes of the state.

    Attributes:
        zeros: the state before the first frame of a clip: how many frames were before, (1, 1), the frames that each
            convolution along time still needs, and the sum of each pooling along time.
    """

    def __init__(self, network: Movinet, image: Tensor) -> None:
        super().__init__()
        self.network = network
        with torch.no_grad():
            _, *state = self(image, torch.zeros(1, 1))
        self.zeros = tuple(map(torch.zeros_like, state))

    def forward(self, image: Tensor, count: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Return the feature (1, D) after an image (1, 3, H, W), then the state for the next one."""
        past = Past(1, count, [*state])
        feature = self.network.feature(self.network.after_each_frame(image, past), past)
        return (feature, count + 1, *past.left)
