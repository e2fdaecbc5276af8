"""NTU RGB+D 120: skeleton files under the cross-subject and the cross-setup protocol (Liu et al., TPAMI 2019).

It has all of NTU RGB+D 60, and 60 more actions in setups 18 to 32. The training subjects are from several public
loaders, which agree. The counts are from one of them, and were checked: with the authors' 535 missing skeletons each is
a multiple of 360, the clips of a pair of setup and subject.
"""

from pathlib import Path

from manifests.datasets import ntu60
from manifests.datasets.data_set import Archives, DataSet
from manifests.datasets.ntu_skeletons import CAMERAS, NtuSet, Part, Protocol, lines_of

_DATA = Path(__file__).parent / "ntu120_data"
PART = Part(setups=range(18, 33), subjects=range(1, 107), actions=range(61, 121))  # 160 pairs
CLASSES = (*ntu60.CLASSES, *lines_of(_DATA, "classes.txt"))
MISSING = ntu60.MISSING | frozenset(lines_of(_DATA, "missing.txt"))  # 302 + 233

TRAINING = ntu60.TRAINING | {
    45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89, 91, 92, 93, 94, 95,
    97, 98, 100, 103,
}  # fmt: skip
_SETUPS = frozenset(range(1, 33))
# The missing skeletons show that these are in at least 15 of the 176 training pairs of cross-subject and in at least 12
# of the 152 of cross-setup, with actions of both halves. So they have 8 % of the training clips or somewhat more.
PROTOCOLS = {
    "ntu120-xsub": Protocol(TRAINING, CAMERAS, _SETUPS, (63026, 50919), (27, 28, 55, 59)),
    "ntu120-xset": Protocol(frozenset(PART.subjects), CAMERAS, frozenset(range(2, 33, 2)), (54468, 59477), (8, 44, 67)),
}
SET = NtuSet("NTU RGB+D 120", (ntu60.PART, PART), PROTOCOLS, CLASSES, MISSING)

NTU120 = DataSet(
    title=SET.title,
    protocols=tuple(PROTOCOLS),
    builder=SET.build,
    files="Folder of the .skeleton files of both archives, searched at any depth.",
    folder="/data/nturgb+d_skeletons",
    sizes={name: (len(CLASSES), *rule.counts) for name, rule in PROTOCOLS.items()},
    archives=Archives(
        where=(
            "ask for access at https://rose1.ntu.edu.sg/dataset/actionRecognition (a signed form, so nobody else can "
            "give you the files), download nturgbd_skeletons_s001_to_s017.zip and nturgbd_skeletons_s018_to_s032.zip, "
            "and give both to this command; of the 114,480 skeletons 535 are listed as missing or incomplete and are "
            "left out, so 113,945 count"
        ),
        checksums=(ntu60.NTU60.archives or Archives("")).checksums,  # of the second archive none was found
    ),
)
