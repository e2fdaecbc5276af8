"""The published numbers against the paper, and the rule that only the same protocol is comparable."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from manifests.datasets import DATASETS, DataSet, ntu60, ntu120, ucf101
from manifests.published import NOT_STATED, PUBLISHED, RATIOS, WHOLE, published_rows, read_published

UCF, SYSU, NTU = "ucf101-early-15-3-7", "sysu-xsub-fixed", "ntu60-xsub"
WITHOUT, WITH = "GRU without distillation", "GRU with distillation"

# Tables 1, 2 and 3 of the paper, typed here by hand: accuracy at 20, 40, 60, 80, 100 %, and AUC.
PAPER = {
    (SYSU, "all", WITHOUT): (65.4, 76.7, 81.7, 84.2, 85.0, 76.5),
    (SYSU, "all", WITH): (67.1, 79.2, 84.2, 85.8, 87.1, 78.8),
    (UCF, "all", WITHOUT): (90.1, 92.0, 92.6, 92.9, 93.1, 91.7),
    (UCF, "all", WITH): (90.5, 92.0, 92.9, 93.3, 93.5, 92.0),
    (NTU, "all", "RankLSTM"): (16.5, 37.7, 55.9, 64.4, 66.0, 43.1),
    (NTU, "all", "DeepSCN"): (21.5, 39.9, 54.6, 60.2, 58.6, 43.2),
    (NTU, "all", "KNN"): (9.6, 16.0, 26.0, 34.5, 37.0, 21.9),
    (NTU, "all", "MSRNN"): (20.3, 41.4, 59.2, 67.4, 69.2, 46.6),
    (NTU, "all", "TS-LSTM*"): (22.8, 55.3, 76.2, 85.6, 87.8, 61.8),
    (NTU, "all", WITH): (24.6, 57.7, 76.9, 85.7, 88.1, 62.8),
    (SYSU, "10%", WITHOUT): (43.3, 54.6, 61.3, 63.3, 60.0, 54.8),
    (SYSU, "10%", "TS-LSTM*"): (41.7, 55.0, 61.3, 60.8, 57.9, 54.3),
    (SYSU, "10%", WITH): (50.0, 59.6, 66.7, 69.2, 73.8, 61.0),
    (UCF, "10%", WITHOUT): (83.5, 84.8, 85.6, 86.2, 85.6, 85.0),
    (UCF, "10%", "TS-LSTM*"): (84.3, 86.4, 87.0, 87.5, 87.5, 86.1),
    (UCF, "10%", WITH): (86.6, 88.6, 89.6, 90.4, 91.2, 88.8),
}


def shipped_from_the_paper():
    """Rows marked as verified in the paper's tables, in the shape of `PAPER`."""
    rows = [row for row in read_published() if "ICIP 2021" in row.source and "Table" in row.source]
    assert all(row.mark == "verified" and list(row.accuracy) == [20, 40, 60, 80, 100] for row in rows)
    return {(row.protocol, row.labels, row.method): (*row.accuracy.values(), row.auc) for row in rows}


def paper_text():
    """The paper's text, where this checkout has it beside it."""
    path = Path(os.environ.get("EARLY_PAPER", Path(__file__).parents[3] / "shared" / "paper.md"))
    if not path.exists():
        pytest.skip("no text of the paper; name it with EARLY_PAPER")
    return path.read_text(encoding="utf-8")


def tables_of(text):
    """Parse the paper's tab-separated tables into the shape of `PAPER`."""
    found, protocol = {}, None
    for line in text.splitlines():
        if re.match(r"\t(Training data\t)?20%", line):
            protocol = NTU  # Table 2 has no heading of its own
        elif line.startswith("On the "):
            protocol = SYSU if "SYSU" in line else UCF
        numbers = re.findall(r"(?<=\t)\d+\.\d(?=\t|$)", line)
        if len(numbers) == 6:
            name = re.sub(r" \[\d+\]$", "", line.split("\t")[0])
            name = {"Ours": WITH, "With distillation": WITH, "Without distillation": WITHOUT}.get(name, name)
            name = WITHOUT if name.startswith("Baseline") else name
            found[protocol, "10%" if "10% labeled" in line else "all", name] = tuple(map(float, numbers))
    return found


def test_the_papers_tables_are_shipped_as_printed():
    assert shipped_from_the_paper() == PAPER


def test_the_papers_text_says_the_same():
    text = paper_text()
    assert tables_of(text) == shipped_from_the_paper()
    assert "Without the self-distillation loss" in text
    assert "are 77.6% and 91.8%, respectively" in text


@pytest.mark.parametrize(("protocol", "auc"), [(SYSU, 77.6), (UCF, 91.8)])
def test_without_self_distillation_only_the_area_is_known(protocol, auc):
    (row,) = (row for row in published_rows(protocol) if row.method == "GRU with teacher-student distillation only")
    assert (row.accuracy, row.auc, row.mark) == ({}, auc, "verified")


@pytest.mark.parametrize("protocol", [f"{UCF}-subset", "ucf101-early", UCF.upper(), "", NOT_STATED])
def test_any_other_protocol_has_no_rows(protocol):
    assert published_rows(protocol) == []


def test_rows_are_of_the_protocol_and_labels_asked_for():
    assert {row.method for row in published_rows(UCF)} == {
        WITHOUT, WITH, "GRU with teacher-student distillation only", "TS-LSTM"
    }  # fmt: skip
    assert {row.labels for row in published_rows(UCF, "10%")} == {"10%"}
    assert len(published_rows(UCF, "10%")) == 3


def test_rack_states_no_protocol():
    assert {row.protocol for row in read_published() if row.method.startswith("RACK")} == {NOT_STATED}


# Kong & Fu's survey, Table 3, columns 0.1@UCF-101 and 0.5@UCF-101, typed here by hand.
SURVEY = {
    "Integral BoW": (36.29, 74.39),
    "MSSC": (34.05, 61.79),
    "MTSSVM": (40.05, 82.39),
    "DeepSCN": (45.02, 85.75),
    "mem-LSTM": (51.02, 88.37),
}


def test_the_survey_prints_the_same_at_two_ratios():
    rows = [row for row in read_published() if "Kong & Fu" in row.source]
    assert {row.method: (row.accuracy[10], row.accuracy[50]) for row in rows} == SURVEY
    assert {row.mark for row in rows} == {"unverified"}  # their other eight numbers stand elsewhere


def test_east_is_known_from_other_texts_only():
    rows = [row for row in read_published() if row.method == "EAST"]
    assert [(row.accuracy, row.auc) for row in rows] == [({10: 31.2, 50: 86.2}, 75.1), ({50: 95.5}, None)]
    assert {(row.citation, row.mark, row.protocol) for row in rows} == {
        ("Sović et al., ICLR 2026", "secondary", NOT_STATED)
    }


def test_an_area_called_mean_of_ten_is_the_mean_where_all_ten_are_known():
    whole = [row for row in read_published() if len(row.accuracy) == len(RATIOS) and row.auc_kind == "mean-of-ten"]
    assert len(whole) == 8
    for row in whole:
        half_a_digit = 0.051 if f"{row.auc:g}" == f"{row.auc:.1f}" else 0.0051
        assert sum(row.accuracy.values()) / 10 == pytest.approx(row.auc, abs=half_a_digit), row.method


def test_every_row_is_a_percentage_with_source_and_known_marks():
    rows = read_published()
    assert len({(row.protocol, row.labels, row.method, row.source) for row in rows}) == len(rows)
    for row in rows:
        assert row.accuracy or row.auc is not None
        assert all(0 < value <= 100 for value in (*row.accuracy.values(), row.auc or 50))
        assert list(row.accuracy) == sorted(row.accuracy)
        assert row.citation and row.features and row.labels in ("all", "10%")
        assert row.mark in ("verified", "secondary", "unverified")
        assert row.auc_kind in ("mean-of-ten", "area-from-zero", "not-stated")
        assert not ("not opened" in row.source and row.mark == "verified")


def test_header_is_the_documented_one():
    header = PUBLISHED.read_text(encoding="utf-8").splitlines()[0]
    assert header == (
        "method,protocol,data_labels,r10,r20,r30,r40,r50,r60,r70,r80,r90,r100,auc,auc_kind,features,source,mark"
    )


def test_whole_is_what_the_builders_count():
    entries = [entry for entry in DATASETS.values() if isinstance(entry, DataSet)]
    assert set(WHOLE) <= {protocol for entry in entries for protocol in entry.protocols}
    for protocol, (classes, training, test) in WHOLE.items():
        if protocol in ucf101.PROTOCOLS:
            train, validation, ucf_test = ucf101.PROTOCOLS[protocol].counts
            assert (classes, training, test) == (101, train + validation, ucf_test)
        for ntu in (ntu60, ntu120):
            if protocol in ntu.PROTOCOLS:
                assert (classes, training, test) == (len(ntu.CLASSES), *ntu.PROTOCOLS[protocol].counts)


def test_reading_needs_no_torch():
    code = "import sys, manifests.published; sys.exit(any(name in sys.modules for name in ('torch', 'h5py')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
