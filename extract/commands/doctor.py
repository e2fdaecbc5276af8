"""The verb `doctor`: what this machine has, and which decoders are exact on it."""

import json

from common.errors import UserError
from common.options import Json


def doctor(as_json: Json = False) -> None:
    """Show what this machine has, and which decoders return the right frames of an XviD video and of a trimmed MP4.

    Example: `python -m extract doctor`
    """
    from rich.console import Console
    from rich.table import Table

    from extract.doctor import check_decoders, describe_machine

    machine, decoders = describe_machine(), check_decoders()
    if as_json:
        print(json.dumps({"machine": machine, "decoders": decoders}))
    else:
        for title, facts in (("this machine", machine), ("decoders", decoders)):
            table = Table(title=title, show_header=False, title_justify="left")
            for name, value in facts.items():
                table.add_row(name, value)
            Console(markup=False).print(table)  # [lite0] is no colour
    if decoders["pyav"] != "exact":
        raise UserError("PyAV does not decode exactly here; reinstall the locked version: make setup")
