"""The video decoders: one file each, and the dict of their entries.

A new decoder is a file with an entry, and a line in `DECODERS`. `--decoder`, the decode workers, `doctor`, `bench` and
the settings of a cache follow from the entry. The workers import this package, so nothing here may load torch.
"""

from common.errors import UserError, unknown_name
from extract.decoding.decoders.decord import DECORD
from extract.decoding.decoders.nvdec import NVDEC
from extract.decoding.decoders.pyav import PYAV
from extract.decoding.decoders.video_decoder import Frames, VideoDecoder

__all__ = ["DECODERS", "Frames", "VideoDecoder", "find_decoder"]

DECODERS: dict[str, VideoDecoder] = {
    "pyav": PYAV,
    "decord": DECORD,
    "nvdec": NVDEC,
}


def find_decoder(name: str) -> VideoDecoder:
    """Return the decoder of this name.

    Raises:
        UserError: there is none, with the nearest name.
    """
    if name not in DECODERS:
        raise UserError(unknown_name("decoder", name, DECODERS))
    return DECODERS[name]
