"""Where the events of `watch` go: the terminal, lines of JSON, a web server, annotated videos. One file each."""

from evaluate.watch.outputs.annotated import AnnotatedVideos, ShownModel
from evaluate.watch.outputs.json_lines import JsonLines
from evaluate.watch.outputs.output import Output
from evaluate.watch.outputs.timeline import Timeline
from evaluate.watch.outputs.webhook import Webhook

__all__ = ["AnnotatedVideos", "JsonLines", "Output", "ShownModel", "Timeline", "Webhook"]
