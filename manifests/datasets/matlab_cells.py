"""Single values from many MATLAB files, read by a process of its own: SciPy's reader has crashed on damaged files.

The process reads the task from stdin, as JSON, and answers on stdout, one line of JSON for each file.
"""

import json
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.subprocesses import safe_path_option


def read_matlab_cells(files: Sequence[Path], names: Sequence[str]) -> list[list[str]]:
    """Return the values of variables of MATLAB files (version 5 to 7): a row for each file, in the order of `names`.

    Raises:
        UserError: a file is damaged, or lacks one of the variables, or has not one value of it.
    """
    command = [sys.executable, *safe_path_option(), "-m", "manifests.datasets.matlab_cells"]
    task = json.dumps({"files": [str(file.resolve()) for file in files], "names": list(names)})
    done = subprocess.run(command, input=task, capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) < len(files):
        raise UserError(f"{files[len(answers)]} is damaged: the process that reads it ended; get it again")
    for file, answer in zip(files, answers, strict=True):
        if isinstance(answer, str):
            raise UserError(f"{file} cannot be read: {answer}; get it again")
    return answers


def _cells(file: str, names: Sequence[str]) -> list[str] | str:
    """Return the values of a file, or what is wrong with it."""
    from scipy.io import loadmat  # only this process loads it

    try:
        content: dict[str, Any] = loadmat(file, variable_names=list(names))
    except Exception as error:  # SciPy raises errors of many types for damaged files
        return f"damaged: {type(error).__name__}: {error}"
    for name in names:
        if name not in content:
            return f"there is no variable {name} in it"
        if content[name].size != 1:
            return f"its variable {name} has {content[name].size} values and not one"
    return [str(content[name].item()) for name in names]


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # about a variable that cannot be read, which is then not there
    wanted = json.load(sys.stdin)
    for path in wanted["files"]:
        sys.stdout.write(json.dumps(_cells(path, wanted["names"])) + "\n")
        sys.stdout.flush()
