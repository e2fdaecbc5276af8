"""The MoViNet of some frames: images and what is left of the frames before → a feature and what is left for the next.

It computes what `Movinet` computes of a whole clip, up to rounding. Streams take one frame at a time, exported graphs a
segment.
"""

import torch
from torch import Tensor, nn

from extract.networks.video.movinet import Movinet, Past


class MovinetStep(nn.Module):
    """A MoViNet for some frames after others.

    Args:
        network: the MoViNet of whole clips.
        images: as many images (F, 3, H, W) as a step takes, of the size that the network gets, to find the shapes of
            the state.

    Attributes:
        zeros: the state before the first frame of a clip: how many frames were before, (1, 1, 1), the frames that each
            convolution along time still needs, and the sum of each pooling along time.
    """

    def __init__(self, network: Movinet, images: Tensor) -> None:
        super().__init__()
        self.network, self.frames = network, len(images)
        with torch.no_grad():
            _, *state = self(images, torch.zeros(1, 1, 1))
        self.zeros = tuple(map(torch.zeros_like, state))

    def forward(self, images: Tensor, count: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Return the feature (B, D) after the images (B·F, 3, H, W) of B clips, then the state for the next ones.

        Args:
            images: the F images of each clip are consecutive.
            count: how many frames of each clip were before, (B, 1, 1).
            state: the rest, each (B, …).
        """
        past = Past(self.frames, count, [*state])
        each = self.network.after_each_frame(images, past)  # (B·F, C)
        feature = self.network.feature(each.view(-1, self.frames, each.shape[1])[:, -1], past)
        return (feature, count + self.frames, *past.left)
