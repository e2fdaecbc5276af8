"""The cells of a CSV file as strings, and sentences for files that are no such CSV."""

import warnings
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from common.errors import UserError
from common.file_kind import CSV, TEXT, kind_of

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}  # of files that other programs write


def read_cells(path: Path, columns: Collection[str]) -> pd.DataFrame:
    """Read the cells of a CSV as strings: `007` stays `007`, and an empty cell is an empty string.

    Args:
        path: the CSV.
        columns: names that a manifest's header has; one of them is enough to recognise the separator.

    Raises:
        UserError: the file is missing, of another kind, not in UTF-8, or a CSV with other separators than commas.
    """
    if not path.exists():
        raise UserError(f"{path} is missing; a manifest is NAME.csv with NAME.classes.txt beside it")
    kind = kind_of(path)
    if kind not in (None, CSV, TEXT):
        raise UserError(f"{path} is not a manifest but {kind}; give a CSV in UTF-8 with NAME.classes.txt beside it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows with more cells than the header
            cells = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"cannot read the manifest {path}: it is not in UTF-8 ({error}); save it in UTF-8") from error
    except (OSError, ValueError, pd.errors.ParserWarning) as error:
        _refuse_other_separator(path, columns)  # with commas in the cells pandas may have stumbled over it
        raise UserError(f"cannot read the manifest {path}: {error}") from error
    _refuse_other_separator(path, columns)
    return cells


def _refuse_other_separator(path: Path, columns: Collection[str]) -> None:
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
                    f"{path}: its columns are separated by {name}; a manifest has commas: save it with them"
                )
