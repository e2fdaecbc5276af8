"""NVDEC, the video decoder of NVIDIA's GPUs, used through PyAV."""

from pathlib import Path

from extract.decoding.decoders.pyav import read_piece_with_pyav, read_with_pyav
from extract.decoding.decoders.video_decoder import Frames, PieceFrames, VideoDecoder
from extract.decoding.frame_count import count_packets
from extract.decoding.video_file import open_video
from manifests.pieces import Piece

# The standards of these codecs define every bit of a frame, so NVDEC gives the same frames as PyAV.
CODECS = ("h264", "hevc")


def read_with_nvdec(path: Path) -> Frames:
    """Yield the frames of a video file in order, decoded on the first GPU that CUDA_VISIBLE_DEVICES shows.

    PyAV decodes other codecs and other pixel formats than 4:2:0 with 8 bits.

    Raises:
        DecodeError: the file cannot be opened, is damaged, or NVDEC cannot decode it.
    """
    yield from read_with_pyav(path, nvdec=_is_supported(path))


def read_piece_with_nvdec(path: Path, piece: Piece) -> PieceFrames:
    """Yield the frames of a piece as `read_piece_with_pyav` does, decoded on the same GPU.

    Raises:
        DecodeError: the file cannot be opened, is damaged, has no such piece, or NVDEC cannot decode it.
    """
    yield from read_piece_with_pyav(path, piece, nvdec=_is_supported(path))


def _is_supported(path: Path) -> bool:
    with open_video(path) as (_, stream):
        context = stream.codec_context
        return context.name in CODECS and context.pix_fmt == "yuv420p"


NVDEC = VideoDecoder(
    count=count_packets,
    read=read_with_nvdec,
    read_piece=read_piece_with_nvdec,
    package="av",
    recorded_as="nvdec (h264 and hevc in yuv420p; others pyav)",
    on_gpu=True,
    example_codec="libx264",
)
