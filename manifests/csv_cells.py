"""The cells of a CSV file as strings, and sentences for files that are no such CSV."""

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from common.errors import UserError
from common.file_kind import CSV, TEXT, kind_of


class Wanted(NamedTuple):
    """What a file should be: its name, as in "a manifest", and its form."""

    name: str
    form: str


MANIFEST = Wanted("a manifest", "a CSV in UTF-8 with NAME.classes.txt beside it")
CLIP_LIST = Wanted("a list of clips", "a CSV in UTF-8 with the columns path and label")
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}  # of files that other programs write


def read_cells(path: Path, columns: Collection[str], wanted: Wanted = MANIFEST) -> pd.DataFrame:
    """Read the cells of a CSV as strings: `007` stays `007`, and an empty cell is an empty string.

    Args:
        path: the CSV.
        columns: names that the header has; one of them is enough to recognise the separator.
        wanted: what the file should be, for the sentences.

    Raises:
        UserError: the file is missing, of another kind, not in UTF-8, or a CSV with other separators than commas.
    """
    if not path.exists():
        raise UserError(f"{path} is missing; {wanted.name} is {wanted.form}")
    kind = kind_of(path)
    if kind not in (None, CSV, TEXT):
        raise UserError(f"{path} is not {wanted.name} but {kind}; give {wanted.form}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows with more cells than the header
            cells = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"cannot read {path}: it is not in UTF-8 ({error}); save it in UTF-8") from error
    except (OSError, ValueError, pd.errors.ParserWarning) as error:
        _refuse_other_separator(path, columns, wanted)  # with commas in the cells pandas may have stumbled over it
        if isinstance(error, pd.errors.ParserWarning):
            raise UserError(
                f"cannot read {path}: rows have more cells than the header; a cell that has a comma needs quotes"
            ) from error
        raise UserError(f"cannot read {path}: {error}; {wanted.name} is {wanted.form}") from error
    _refuse_other_separator(path, columns, wanted)
    return cells


def _refuse_other_separator(path: Path, columns: Collection[str], wanted: Wanted) -> None:
    """Refuse a file whose header is separated by semicolons, tabs or bars instead of commas.

    Raises:
        UserError: with the separator.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    cells = {name: header.strip().split(sign) for sign, name in SEPARATORS.items()}
    if not set(columns) & {cell.strip('" ') for cell in header.strip().split(",")}:
        for name, header_cells in cells.items():
            if set(columns) & {cell.strip('" ') for cell in header_cells}:
                raise UserError(
                    f"{path}: its columns are separated by {name}; {wanted.name} has commas: save it with them"
                )
