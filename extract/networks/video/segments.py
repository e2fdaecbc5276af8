"""The images of segments as videos."""

from torch import Tensor


def as_videos(images: Tensor, num_frames: int) -> Tensor:
    """Return the images (B·F, 3, H, W) of B segments as videos (B, 3, F, H, W).

    Args:
        images: the F images of each segment are consecutive.
        num_frames: F.
    """
    return images.view(-1, num_frames, *images.shape[1:]).transpose(1, 2)
