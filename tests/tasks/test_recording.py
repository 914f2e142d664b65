"""A run that is written down as it goes, and gone on with by another process: the end is the same."""

import errno
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import ImageError, PromptError, SaveError
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.export.appended import AppendedFile
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.recording import Recorder, resumed
from napari_sam3_assistant.tasks.video import Video
from tests.tasks.test_video import box, moving, square, view_at

ENGINE = BuiltinEngine()


def two(frames=8):
    """Two squares; the second one goes after frame 5."""
    made = moving(frames, 1)
    made[:6, 44:58, 40:54] = 140
    return made


def state(video):
    """All that counts of a video."""
    seen = {
        plane: {
            id: (item.bits.tobytes(), item.shape, item.offset, item.area, item.score, item.said, item.origin)
            for id, item in video.tracks.seen(plane).items()
        }
        for plane in video.tracks.planes
    }
    done = {id: serials.tolist() for id, serials in video.ledger.done.items()}
    said = {id: dict(frames) for id, frames in video.ledger.said.items()}
    waiting = {frame: sorted(prompts) for frame, prompts in video.unanswered.items()}
    return seen, dict(video.tracks.problems), said, done, waiting, sorted(video.given)


def go(video, recorder, direction=Direction.BOTH, frames=None, most=None):
    """Run, and note each step; return the frames that were visited."""
    try:
        run = video.run(direction, frames)
    except PromptError:
        return []
    visited = []
    while run.next_frame is not None and len(visited) != most:
        step = run.step(ENGINE, EmbeddingCache())
        recorder.took(step, run.take(step))
        visited.append(step.found.frame)
    return visited


def begun(path, data, frame=2, **more):
    video = Video(view_at(data, 0), 0)
    video.give(frame, {1: box(frame, 1)})
    return video, Recorder(path, video, **more)


def again(path, data):
    video = resumed(path, array_source(data, identity="later", rgb=False))
    return video, Recorder(path, video, resume=True)


PROMPTS = st.sampled_from(["box", "point", "mask", "second", "minus"])


def prompt(kind, frame):
    row, col = 28, 18 + frame
    return {
        "box": {1: box(frame, 1)},
        "point": {1: Prompts((PointPrompt(row, col),))},
        "minus": {1: Prompts((PointPrompt(row, col), PointPrompt(5.5, 5.25, positive=False)))},
        "mask": {1: Prompts(mask=MaskPrompt(square(frame, 1)))},
        "second": {2: Prompts(box=BoxPrompt(Box(43, 39, 59, 55)))},
    }[kind]


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_run_that_stops_anywhere_and_goes_on_later_ends_as_one_that_does_not(data, tmp_path_factory):
    folder, pixels = tmp_path_factory.mktemp("any"), two()
    turns = []
    for turn in range(data.draw(st.integers(1, 3))):
        frame = data.draw(st.integers(0, 5))
        kind = data.draw(PROMPTS if turn else st.sampled_from(["box", "point", "mask", "second"]))
        low, high = sorted(data.draw(st.tuples(st.integers(0, 7), st.integers(0, 7))))
        turns.append((frame, kind, data.draw(st.sampled_from(Direction)), range(low, high + 1)))
    whole, video = {}, Video(view_at(pixels, 0), 0)
    path = folder / "a.video.jsonl"
    recorder = Recorder(path, video)
    for number, (frame, kind, direction, frames) in enumerate(turns):
        video.give(frame, prompt(kind, frame))
        recorder.gave(frame)
        said = path.stat().st_size
        go(video, recorder, direction, frames)
        whole[number] = state(video)
    recorder.close()
    assert state(resumed(path, array_source(pixels, identity="b", rgb=False))) == whole[len(turns) - 1]

    cut = data.draw(st.integers(said, path.stat().st_size))
    path.write_bytes(path.read_bytes()[:cut])
    later, recorder = again(path, pixels)
    go(later, recorder, *turns[-1][2:])
    recorder.close()

    assert state(later) == whole[len(turns) - 1]
    assert state(resumed(path, array_source(pixels, identity="c", rgb=False))) == whole[len(turns) - 1]


def test_only_what_is_left_is_visited(tmp_path):
    path = tmp_path / "a.video.jsonl"
    video, recorder = begun(path, two())
    assert go(video, recorder, most=3) == [2, 3, 4]
    recorder.close()

    later, recorder = again(path, two())

    assert go(later, recorder, most=2) == [5, 6]
    recorder.close()
    later, recorder = again(path, two())
    assert go(later, recorder) == [7, 1, 0]
    assert sorted(later.tracks.frames) == list(range(8))
    recorder.close()


def test_each_line_is_on_the_disk_at_once_and_a_torn_one_is_done_again(tmp_path):
    path = tmp_path / "a.video.jsonl"
    video, recorder = begun(path, two())
    run = video.run()
    for number in range(3):
        step = run.step(ENGINE, EmbeddingCache())
        recorder.took(step, run.take(step))
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [line["is"] for line in lines] == ["video", "changed", *["done"] * (number + 1)]
    recorder.close()
    with path.open("ab") as file:
        file.write(b'{"is":"done","fra')

    later, recorder = again(path, two())

    assert go(later, recorder) == [5, 6, 7, 1, 0]
    recorder.close()
    assert [json.loads(line)["is"] for line in path.read_text().splitlines()].count("done") == 8


def test_frames_that_could_not_be_read_lost_objects_and_removed_ones_are_remembered(tmp_path):
    class Damaged:
        shape, dtype = (8, 64, 64), np.dtype("uint8")

        def __getitem__(self, key):
            if key[0] == 4:
                raise OSError("a block is damaged")
            return two()[key]

    path = tmp_path / "a.video.jsonl"
    video = Video(view_at(Damaged(), 0), 0)
    recorder = Recorder(path, video, fingerprint=fingerprint(two()))
    video.give(2, {**prompt("box", 2), **prompt("second", 2), 3: Prompts(mask=MaskPrompt(square(2, 1)))})
    recorder.gave(2)
    go(video, recorder)
    video.remove(3)
    recorder.removed(3)
    recorder.close()

    later = resumed(path, array_source(two(), identity="b", rgb=False))

    assert state(later) == state(video)
    assert list(later.tracks.problems) == [later.plane_at(4)]
    assert later.tracks.ids == {1, 2}


def fingerprint(data):
    from napari_sam3_assistant.core.fingerprints import fingerprint_of

    return fingerprint_of(array_source(data, identity="f", rgb=False))


def test_what_was_taken_back_is_noted_too(tmp_path):
    path = tmp_path / "a.video.jsonl"
    video, recorder = begun(path, two())
    go(video, recorder, most=4)
    for plane in video.tracks.planes[2:]:
        video.tracks.restore(plane, [])
    recorder.changed()
    recorder.close()

    assert state(resumed(path, array_source(two(), identity="b", rgb=False))) == state(video)


def test_another_picture_and_another_shape_are_refused(tmp_path):
    path = tmp_path / "a.video.jsonl"
    _, recorder = begun(path, two())
    recorder.close()

    with pytest.raises(ImageError, match="another picture") as first:
        resumed(path, array_source(255 - two(), identity="b", rgb=False))
    with pytest.raises(ImageError, match="shape") as second:
        resumed(path, array_source(two(9), identity="b", rgb=False))

    assert first.value.hint and second.value.hint and "--overwrite" in first.value.in_shell


def test_a_damaged_record_and_one_of_a_newer_version_are_refused(tmp_path):
    path, source = tmp_path / "a.video.jsonl", array_source(two(), identity="b", rgb=False)
    video, recorder = begun(path, two())
    go(video, recorder, most=3)
    recorder.close()
    lines = path.read_bytes().splitlines(keepends=True)

    for damaged, number in (
        ([b"no JSON\n", *lines[1:]], 1),
        ([lines[0], b"[1]\n", *lines[2:]], 2),
        ([*lines[:3], lines[3].replace(b'"runs":"', b'"runs":"~~'), lines[4]], 4),
        ([*lines[:2], lines[2][:40] + b"\n", *lines[3:]], 3),
        ([b'{"is":"video","version":1}\n'], 1),
    ):
        path.write_bytes(b"".join(damaged))
        with pytest.raises(ImageError, match=f"damaged in line {number}") as refused:
            resumed(path, source)
        assert refused.value.hint and refused.value.in_shell

    path.write_bytes(lines[0].replace(b'"version":1', b'"version":2'))
    with pytest.raises(ImageError, match="newer version"):
        resumed(path, source)
    path.write_bytes(lines[0][:-5])
    with pytest.raises(ImageError, match="empty"):
        resumed(path, source)
    with pytest.raises(ImageError, match="no record"):
        resumed(tmp_path / "b.video.jsonl", source)


def test_a_record_is_not_overwritten_unasked_and_two_cannot_write_one(tmp_path):
    path = tmp_path / "a.video.jsonl"
    video, recorder = begun(path, two())
    before = path.read_bytes()

    with pytest.raises(SaveError, match="there already"):
        Recorder(path, video)
    with pytest.raises(SaveError, match="Another program"):
        Recorder(path, video, resume=True)

    assert path.read_bytes() == before
    recorder.close()
    recorder.close()
    begun(path, two(), 3, overwrite=True)[1].close()
    assert path.read_bytes() != before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_after_a_full_disk_the_next_line_tells_what_is_missing(tmp_path, monkeypatch):
    path = tmp_path / "a.video.jsonl"
    video, recorder = begun(path, two())
    run, write = video.run(), AppendedFile._write

    def half(self, data):
        write(self, data[:30])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(AppendedFile, "_write", half)
        step = run.step(ENGINE, EmbeddingCache())
        changed = run.take(step)
        with pytest.raises(SaveError, match="disk is full"):
            recorder.took(step, changed)
    recorder.changed()
    recorder.close()

    assert state(resumed(path, array_source(two(), identity="b", rgb=False))) == state(video)


def test_masks_and_coordinates_come_back_to_the_bit(tmp_path):
    path = tmp_path / "a.video.jsonl"
    odd = PlacedMask(np.random.default_rng(0).random((13, 17)) > 0.4, (3, 5))
    video = Video(view_at(two(), 0), 0)
    video.give(1, {4: Prompts((PointPrompt(0.1 + 0.2, 7, False),), BoxPrompt(Box(1.5, 2, 30.25, 40)), MaskPrompt(odd))})
    Recorder(path, video).close()

    given = resumed(path, array_source(two(), identity="b", rgb=False)).given[1][4]

    assert given.points == video.given[1][4].points and given.box == video.given[1][4].box
    np.testing.assert_array_equal(given.mask.mask.mask, odd.mask)
    assert given.mask.mask.offset == (3, 5)
