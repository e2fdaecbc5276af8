"""NTU RGB+D 60: skeleton files under the cross-subject and the cross-view protocol (Shahroudy et al., CVPR 2016)."""

from pathlib import Path

from manifests.datasets.data_set import Archives, DataSet
from manifests.datasets.ntu_skeletons import CAMERAS, NtuSet, Part, Protocol, lines_of

_DATA = Path(__file__).parent / "ntu60_data"
PART = Part(setups=range(1, 18), subjects=range(1, 41), actions=range(1, 61))  # 158 pairs make the 56,880 names
CLASSES = lines_of(_DATA, "classes.txt")  # index 0 is A001, drink water
MISSING = frozenset(lines_of(_DATA, "missing.txt"))  # 302

# Some training subjects are in one of the 17 setups, others in nearly all. These two are in at least five and four
# setups, as the list of the 302 shows. So they have 8 % of the training clips of cross-subject, or somewhat more.
HOLD_OUT = (27, 28)
TRAINING = frozenset({1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38})
PROTOCOLS = {
    "ntu60-xsub": Protocol(TRAINING, CAMERAS, frozenset(PART.setups), (40091, 16487), HOLD_OUT),
    "ntu60-xview": Protocol(
        frozenset(PART.subjects), frozenset({2, 3}), frozenset(PART.setups), (37646, 18932), HOLD_OUT
    ),
}
SET = NtuSet("NTU RGB+D 60", (PART,), PROTOCOLS, CLASSES, MISSING, " (of 120, perhaps)")

NTU60 = DataSet(
    title=SET.title,
    protocols=tuple(PROTOCOLS),
    builder=SET.build,
    files="Folder of the .skeleton files, searched at any depth.",
    folder="/data/nturgb+d_skeletons",
    sizes={name: (len(CLASSES), *rule.counts) for name, rule in PROTOCOLS.items()},
    archives=Archives(
        where=(
            "ask for access at https://rose1.ntu.edu.sg/dataset/actionRecognition (a signed form, so nobody else can "
            "give you the files), download nturgbd_skeletons_s001_to_s017.zip (5.8 GB), and give it to this command; "
            "of its 56,880 skeletons 302 are listed as missing or incomplete and are left out, so 56,578 count"
        ),
        checksums={"nturgbd_skeletons_s001_to_s017.zip": "md5:67d9e24f858e5736a9826a2065e229fe"},  # of several loaders
    ),
)
