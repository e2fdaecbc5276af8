"""`python -m manifests`."""

from common.command_line import run_cli
from manifests.commands.app import app

if __name__ == "__main__":
    run_cli(app)
