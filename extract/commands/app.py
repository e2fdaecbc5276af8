"""The command line `python -m extract`, made of the command files beside this one."""

from common.command_line import new_app
from extract.commands import weights
from extract.commands.bench import bench
from extract.commands.clean import clean
from extract.commands.diff import diff
from extract.commands.doctor import doctor
from extract.commands.merge import merge
from extract.commands.poses import poses
from extract.commands.run import plan, retry, run
from extract.commands.status import status
from extract.commands.submit import submit
from extract.commands.train_vacnn import train_vacnn
from extract.commands.verify import verify

app = new_app("Extract segment features of videos and skeletons into a feature cache, and check such caches.")
for command in (plan, run, submit, status, retry, merge, verify, clean, diff, doctor, bench, poses):
    app.command()(command)
app.command("train-vacnn")(train_vacnn)
app.add_typer(weights.app, name="weights")
