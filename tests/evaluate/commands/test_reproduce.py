"""`evaluate reproduce`: a misspelt recipe is answered at once."""

import subprocess
import sys

CODE = """
import sys
from typer.testing import CliRunner
from evaluate.commands.app import app
result = CliRunner().invoke(app, sys.argv[1:])
print(result.exception, "torch" in sys.modules, sep="\\n")
"""


def test_a_misspelt_recipe_gets_the_nearest_name_without_loading_torch() -> None:
    command = [sys.executable, "-c", CODE, "reproduce", "ucf10"]
    error, torch = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert error.startswith("no recipe ucf10; did you mean ucf101? give a file, or one of: ")
    assert torch == "False"
