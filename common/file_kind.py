"""The kind of a file in words, for error messages that ask for another kind."""

from pathlib import Path

HDF5 = "an HDF5 file, as feature caches and predictions are"
FOLDER = "a folder"
EMPTY = "an empty file"
CSV = "a CSV file, as manifests are"
TOML = "a TOML file, as recipes are"
TEXT = "a text file"
BINARY = "a binary file"
UTF16 = "a text in UTF-16, as Excel's Unicode text is"

SIGNATURES = {
    b"\x89HDF\r\n\x1a\n": HDF5,
    b"PK\x03\x04": "a zip file, as checkpoints of torch are",
    b"\xff\xfe": UTF16,
    b"\xfe\xff": UTF16,
}
SUFFIXES = {".csv": CSV, ".toml": TOML}
START = 4096  # the number of bytes that decide the kind


def kind_of(path: Path) -> str | None:
    """Return the kind of a file, from its first bytes, and for text files from the name; None: it cannot be read."""
    if path.is_dir():
        return FOLDER
    try:
        with path.open("rb") as file:
            start = file.read(START)
    except OSError:
        return None
    if not start:
        return EMPTY
    for signature, kind in SIGNATURES.items():
        if start.startswith(signature):
            return kind
    if b"\0" in start:
        return BINARY
    return SUFFIXES.get(path.suffix.lower(), TEXT)
