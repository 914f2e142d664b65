"""Phrases: what a user has typed becomes what is looked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.tasks.text import phrases_in

typed = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            [
                "segment",
                "Detect",
                "FIND",
                "all",
                "of",
                "the",
                "nucleus",
                "cells",
                " ",
                "\n",
                ",",
                ";",
                ".",
                ":",
                "#",
                "-",
            ]
        )
    ).map(" ".join),
    st.text(alphabet=" ,;.:#\n\tabAB\u200bé\u0301\uff0c"),
)


def words(text):
    return [one.text for one in phrases_in(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nucleus", ["nucleus"]),
        ("nucleus, mitotic cell; debris\nvessel", ["nucleus", "mitotic cell", "debris", "vessel"]),
        ("red, round cell", ["red", "round cell"]),
        ("nucleus # the dark ones, all\n# nothing here\ncell", ["nucleus", "cell"]),
        ("  nucleus . ;; :cell:,", ["nucleus", "cell"]),
        ("round \t  cell", ["round cell"]),
        ("Nucleus, nucleus, NUCLEUS", ["Nucleus"]),
        ("細胞核、赤血球\uff0c白血球。", ["細胞核", "赤血球", "白血球"]),
        ("نواة، خلية", ["نواة", "خلية"]),
        ("🧫 colony, 👩\u200d🔬", ["🧫 colony", "👩\u200d🔬"]),
        ("\ufeffnucleus\u200b", ["nucleus"]),
        ("cell\udcff", ["cell"]),
        ("cafe\u0301, caf\u00e9", ["caf\u00e9"]),
        ("cell\x00s", ["cell s"]),
    ],
)
def test_what_is_typed_is_parted_and_trimmed(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("segment nuclei", "nuclei"),
        ("Segment all nuclei", "nuclei"),
        ("detect the nucleus.", "nucleus"),
        ("FIND ALL OF THE round cells", "round cells"),
        ("find all the cells", "cells"),
        ("find: cells", "cells"),
        ("find segment cells", "cells"),
        ("find all of cells", "of cells"),
        ("findings", "findings"),
        ("segmented cells", "segmented cells"),
        ("find-me label", "find-me label"),
        ("cells to find", "cells to find"),
        ("find alloy", "alloy"),
        ("find theca", "theca"),
        ("segment", "segment"),
        ("segment all", "segment all"),
        ("find the.", "find the"),
        ("the cells", "the cells"),
    ],
)
def test_instructions_are_left_out_unless_nothing_is_left(text, expected):
    assert words(text) == [expected]


@pytest.mark.parametrize("text", ["", "  \n\t ", ",;.:", "# nucleus", "\u200b", "\udcff", "\x00"])
def test_without_a_phrase_one_is_asked_for(text):
    with pytest.raises(PromptError) as caught:
        phrases_in(text)

    assert caught.value.hint


def test_long_texts_and_many_phrases_are_taken():
    (long,) = words("cell " * 2000)
    many = words("\n".join(f"phrase {number}" for number in range(200)))

    assert len(long) == 9999
    assert len(many) == 200


@given(typed)
def test_phrases_are_trimmed_unlike_each_other_and_the_same_when_typed_again(text):
    try:
        found = words(text)
    except PromptError:
        return

    assert all(one == " ".join(one.split()) and one[0] not in ".,:;" and one[-1] not in ".,:;" for one in found)
    assert len({one.casefold() for one in found}) == len(found)
    assert words("; ".join(found)) == found
    assert words("\n".join(found)) == found
