"""The two networks of BlazePose in OpenVINO, which reads their TFLite files.

The precision is given, because OpenVINO computes in bf16 by itself on processors with AMX, and joints are then up to
four pixels elsewhere. There is one thread: workers decode several videos side by side, and the bits of a sum do not
depend on the number of cores.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extract.clip import DecodeError
from extract.openvino_core import NoOpenVino, import_openvino, in_one_line, openvino_core
from extract.poses.landmarks import LandmarkOutput

DETECTOR = {"boxes": (1, 2254, 12), "scores": (1, 2254, 1)}
LANDMARKS = {"points": (1, 195), "presence": (1, 1), "heat": (1, 64, 64, 39), "world": (1, 117)}  # and a mask
PROPERTIES = {
    "INFERENCE_PRECISION_HINT": "f32",
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "ENABLE_CPU_PINNING": False,
}


class BlazePose:
    """The networks of one model, for `PoseTracker`.

    Args:
        detector: the file of the person detector.
        landmarks: the file of the landmark network.

    Raises:
        DecodeError: OpenVINO is missing or cannot read a file, or a file is another network.
    """

    def __init__(self, detector: Path, landmarks: Path) -> None:
        self._detect = _load(detector, DETECTOR)
        self._locate = _load(landmarks, LANDMARKS)

    def detect(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return boxes (2254, 12) and scores (2254,) for an image (224, 224, 3) of values from -1 to 1."""
        boxes, scores = self._detect(image)
        return boxes[0], scores[0, :, 0]

    def locate(self, image: NDArray[np.float32]) -> LandmarkOutput:
        """Return the points of the person in an image (256, 256, 3) of values from 0 to 1."""
        points, presence, heat, world = self._locate(image)
        return LandmarkOutput(points.reshape(39, 5), float(presence[0, 0]), heat[0], world.reshape(39, 3))


def _load(file: Path, shapes: Mapping[str, tuple[int, ...]]) -> Any:
    """Return a function from an image to the outputs with these shapes. The outputs hold until its next call."""
    try:
        openvino, core = import_openvino(), openvino_core()
        model = core.read_model(file)
        ports = {tuple(port.get_partial_shape().to_shape()): port for port in model.outputs}
    except NoOpenVino as error:
        raise DecodeError(str(error)) from error
    except Exception as error:  # OpenVINO's are of one type, which is no more than an Exception
        raise DecodeError(f"OpenVINO cannot read {file}: {in_one_line(error)}") from error
    if missing := [name for name, shape in shapes.items() if shape not in ports]:
        raise DecodeError(f"{file} is not this network of BlazePose: it has no output {missing[0]}")
    # Without the mask of the person, which nobody needs here, a quarter of the time is saved.
    needed = openvino.Model([ports[shape] for shape in shapes.values()], model.get_parameters())
    request = core.compile_model(needed, "CPU", PROPERTIES).create_infer_request()

    def compute(image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        results = request.infer([np.ascontiguousarray(image[None])], share_inputs=True, share_outputs=False)
        return list(results.values())

    return compute
