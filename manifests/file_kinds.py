"""Which files are clips, by the ends of their names: the suffixes of videos and those of skeleton files."""

VIDEO_SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".divx", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"),
    *(".ogv", ".ts", ".vob", ".webm", ".wmv"),
)
SKELETON_SUFFIXES = (".mat", ".npy", ".skeleton", ".skeleton.csv")  # a name in .csv alone may be a manifest
SUFFIXES = (*VIDEO_SUFFIXES, *SKELETON_SUFFIXES)


def suffix_of(name: str, suffixes: tuple[str, ...] = SUFFIXES) -> str:
    """Return the suffix of a clip's file as the name has it, in upper or lower case; "" if it is no clip.

    Args:
        name: a file's name or path.
        suffixes: those of all clips, of videos or of skeleton files.
    """
    return next((name[-len(suffix) :] for suffix in suffixes if name.lower().endswith(suffix)), "")


def is_clip(name: str) -> bool:
    """Tell whether a file of this name, without its folder, is a video or a skeleton file. Hidden files are not."""
    return not name.startswith(".") and suffix_of(name) != ""
