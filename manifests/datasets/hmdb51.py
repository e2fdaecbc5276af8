"""HMDB51: 51 classes of clips from films and the web, under its three official splits (Kuehne et al., ICCV 2011).

Each split has 70 training and 30 test clips of every class; its lists leave the other clips out. The clips of a film
are in one of the two.
"""

from manifests.datasets.data_set import DataSet
from manifests.datasets.split_lists import ListedSet, is_video

CLASSES = (
    "brush_hair",
    "cartwheel",
    "catch",
    "chew",
    "clap",
    "climb",
    "climb_stairs",
    "dive",
    "draw_sword",
    "dribble",
    "drink",
    "eat",
    "fall_floor",
    "fencing",
    "flic_flac",
    "golf",
    "handstand",
    "hit",
    "hug",
    "jump",
    "kick",
    "kick_ball",
    "kiss",
    "laugh",
    "pick",
    "pour",
    "pullup",
    "punch",
    "push",
    "pushup",
    "ride_bike",
    "ride_horse",
    "run",
    "shake_hands",
    "shoot_ball",
    "shoot_bow",
    "shoot_gun",
    "sit",
    "situp",
    "smile",
    "smoke",
    "somersault",
    "stand",
    "swing_baseball",
    "sword",
    "sword_exercise",
    "talk",
    "throw",
    "turn",
    "walk",
    "wave",
)
TRAIN, TEST = 70, 30  # clips of a class
SET = ListedSet("hmdb51", "HMDB51", CLASSES, {"video": is_video}, len(CLASSES) * (TRAIN + TEST))

HMDB51 = DataSet(
    title=SET.title,
    protocols=SET.protocols,
    builder=SET.build,
    files="Folder with the videos in a folder of each class and with the split lists, searched at any depth.",
    folder="/data/hmdb51",
    group_unit="source",
    sizes=dict.fromkeys(SET.protocols, (len(CLASSES), len(CLASSES) * TRAIN, len(CLASSES) * TEST)),
)
