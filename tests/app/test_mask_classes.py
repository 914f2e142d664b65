import pytest

from napari_sam3_assistant.app.masking.classes import MOST, MaskClass, as_text, from_text

AXON, MYELIN = MaskClass("axon", 1, (0.2, 0.4, 0.6)), MaskClass("", 2**31 - 1, (0.0, 1.0, 0.5))


def test_classes_are_read_as_they_were_written():
    assert from_text(as_text([AXON, MYELIN])) == (AXON, MYELIN)


def test_no_more_classes_are_remembered_than_a_settings_file_should_hold():
    many = [MaskClass(str(k), 1, (0.0, 0.0, 0.0)) for k in range(MOST + 5)]
    assert [one.name for one in from_text(as_text(many))] == [one.name for one in many[:MOST]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "7",
        '[["axon", 1]]',
        '[["axon", 0, [0, 0, 0]]]',
        '[["axon", 1, [0, 0, 2]]]',
        '[["axon", 1, "red"]]',
        "[[7, 1, [0, 0, 0]]]",
        '[["axon", "x", [0, 0, 0]]]',
        "[" * 100_000,
    ],
)
def test_what_holds_no_classes_is_refused(text):
    with pytest.raises(ValueError, match="holds no classes"):
        from_text(text)
