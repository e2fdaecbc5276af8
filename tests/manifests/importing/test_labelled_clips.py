"""The order of the classes of an import."""

from manifests.importing.labelled_clips import class_order


def test_whole_numbers_are_sorted_by_value_and_other_names_by_name() -> None:
    assert class_order(["10", "9", "0", "9", "1"]) == ("0", "1", "9", "10")
    assert class_order(["10", "9", "b", "a10", "a9"]) == ("10", "9", "a10", "a9", "b")
    assert class_order(["-1", "10", "9"]) == ("-1", "10", "9") and class_order(["2²", "1"]) == ("1", "2²")
