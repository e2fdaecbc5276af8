"""The command line `python -m distill`, made of one command a file."""

from common.command_line import new_app
from distill.commands.bench import bench
from distill.commands.methods import methods
from distill.commands.sweep import sweep
from distill.commands.train import train

app = new_app("Train the recurrent models on a feature cache: one model, or a sweep over values.")
for command in (train, sweep, methods, bench):
    app.command()(command)
