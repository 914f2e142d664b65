"""Cancelling, and errors that say what to do."""

import pickle

import pytest

from napari_sam3_assistant.core import errors
from napari_sam3_assistant.core.progress import CancelToken, Watch


def test_a_raised_token_stops_the_work_and_stays_raised():
    token = CancelToken()
    token.raise_if_cancelled()

    token.cancel()
    token.cancel()

    assert token.cancelled
    with pytest.raises(errors.Cancelled):
        token.raise_if_cancelled()


def test_a_share_of_a_watch_tells_of_its_part_of_the_whole_and_is_cancelled_with_it():
    token, told = CancelToken(), []
    share = Watch(lambda fraction, message="": told.append(fraction), token).share(0.5, 0.75)

    share.at(0)
    share.at(1)
    share.at(None)
    token.cancel()

    assert told == [0.5, 0.75, None]
    with pytest.raises(errors.Cancelled):
        share.at(1)


@pytest.mark.parametrize(
    "kind", [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.AssistantError)]
)
def test_errors_travel_between_processes_whole(kind):
    error = pickle.loads(pickle.dumps(kind("It failed.", hint="Try again.", in_shell="--again")))

    assert type(error) is kind
    assert (error.message, error.hint, str(error)) == ("It failed.", "Try again.", "It failed. Try again.")
    assert error.in_shell == "--again"


@pytest.mark.parametrize(
    ("sentence", "end"),
    [
        ("There is no folder cells.", "there is no folder cells"),
        ("Its Python is 3.9.1, too old.", "its Python is 3.9.1, too old"),
        ("Meta's package sam3 is not installed.", "Meta's package sam3 is not installed"),
        ("SAM3.1 is in it.", "SAM3.1 is in it"),
        (r"C:\SAM3 is a file, not a folder.", r"C:\SAM3 is a file, not a folder"),
        ("", ""),
    ],
)
def test_a_sentence_becomes_the_end_of_another_one_and_names_keep_their_capitals(sentence, end):
    assert errors.clause(sentence) == end
