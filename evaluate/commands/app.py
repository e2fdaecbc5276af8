"""The command line `python -m evaluate`, made of one command a file."""

from common.command_line import new_app
from evaluate.commands.bench_live import bench_live
from evaluate.commands.check import check
from evaluate.commands.decide import decide
from evaluate.commands.export import export
from evaluate.commands.predict import predict
from evaluate.commands.report import report
from evaluate.commands.reproduce import reproduce
from evaluate.commands.score import score
from evaluate.commands.watch import watch

app = new_app(
    "Reproduce a recipe from its videos, score predictions, report on finished runs, check them, recognise new videos "
    "and live streams."
)
for command in (reproduce, score, decide, report, check, predict, watch, bench_live, export):
    app.command()(command)
