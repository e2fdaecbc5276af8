"""The runtimes, which compute a network: one file each, and the dict of their entries.

A new runtime is a file with an entry, and a line in `RUNTIMES`. `--runtime` and `doctor` follow from the entry. On a
GPU the runtime is always torch. `auto` is the first runtime of the dict that can compute the network on this machine.
It is resolved once for a run and recorded in its plan.
"""

from common.errors import UserError, unknown_name
from extract.machine import Machine
from extract.runtimes.openvino import OPENVINO
from extract.runtimes.runtime import CannotPrepare, NotInstalled, Preparation, Prepared, PreparedGraph, Runtime
from extract.runtimes.torch import TORCH
from manifests.recipes.extraction import AUTO

__all__ = [
    "RUNTIMES",
    "CannotPrepare",
    "NotInstalled",
    "Preparation",
    "Prepared",
    "PreparedGraph",
    "Runtime",
    "candidates",
    "check_runtime",
]

RUNTIMES: dict[str, Runtime] = {
    "openvino": OPENVINO,
    "torch": TORCH,
}


def check_runtime(machine: Machine) -> None:
    """Refuse an unknown name, and a runtime that does not go with the other choices.

    Raises:
        UserError: with the nearest name, or with what to leave out.
    """
    if machine.runtime not in (AUTO, *RUNTIMES):
        raise UserError(unknown_name("runtime", machine.runtime, (AUTO, *RUNTIMES)))
    if machine.compiled and machine.runtime not in (AUTO, "torch"):
        raise UserError(f"--compile is torch's; leave it out, or --runtime {machine.runtime}")


def candidates(machine: Machine, device: str) -> dict[str, Runtime]:
    """Return the runtimes that may compute a network, by name, the preferred one first.

    Args:
        machine: has the name of the runtime, which may be "auto".
        device: the device that was chosen.

    Raises:
        UserError: the name is unknown, or does not go with `--compile`.
    """
    check_runtime(machine)
    if device != "cpu" or machine.compiled:
        return {"torch": TORCH}
    return RUNTIMES if machine.runtime == AUTO else {machine.runtime: RUNTIMES[machine.runtime]}
