"""`python -m evaluate`: see `evaluate.commands`."""

from common.command_line import run_cli
from evaluate.commands.app import app

if __name__ == "__main__":
    run_cli(app)
