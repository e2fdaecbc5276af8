"""JHMDB: 928 clips of 21 of HMDB51's classes, cut to one action, in three splits (Jhuang et al., ICCV 2013).

Early recognition on it is called JHMDB-21. How many of the 928 clips are training clips differs between the splits; the
lists say it, and it is not checked here.
"""

from manifests.datasets.data_set import DataSet
from manifests.datasets.split_lists import ListedSet, is_folder_of_frames, is_video

CLASSES = (
    "brush_hair",
    "catch",
    "clap",
    "climb_stairs",
    "golf",
    "jump",
    "kick_ball",
    "pick",
    "pour",
    "pullup",
    "push",
    "run",
    "shoot_ball",
    "shoot_bow",
    "shoot_gun",
    "sit",
    "stand",
    "swing_baseball",
    "throw",
    "walk",
    "wave",
)
# The frames are those that were annotated; the videos were encoded once more.
SET = ListedSet("jhmdb", "JHMDB", CLASSES, {"frames": is_folder_of_frames, "video": is_video}, 928)

JHMDB = DataSet(
    title=SET.title,
    protocols=SET.protocols,
    builder=SET.build,
    files="Folder with the frames or videos in a folder of each class and with the split lists, searched at any depth.",
    folder="/data/jhmdb",
    group_unit="source",
)
