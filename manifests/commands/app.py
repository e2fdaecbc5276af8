"""The command line of the manifests, `python -m manifests`."""

from common.command_line import new_app
from manifests.commands.build import add_build_commands
from manifests.commands.check import check
from manifests.commands.folder import folder
from manifests.commands.unpack import unpack

app = new_app("Make the manifest of a data set or of a folder of your own, check a manifest, unpack archives.")
add_build_commands(app)
app.command()(folder)
app.command()(check)
app.command()(unpack)
