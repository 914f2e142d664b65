"""The contract of engines that follow objects through frames, as tests: for our engines and for those of others.

Subclass :class:`VideoEngineTests` beside :class:`napari_sam3_assistant.testing.EngineTests`::

    class TestMyVideo(VideoEngineTests):
        def make_engine(self):
            return MyEngine()

What an engine does not take, by its ``capabilities.video``, is not asked of it. This module needs pytest.
"""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import AssistantError, Cancelled, EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine, VideoSession, video_of
from napari_sam3_assistant.testing import (
    FIRST_SQUARE,
    SECOND_SQUARE,
    assert_sound,
    blobs,
    iou,
)
from napari_sam3_assistant.testing_film import (
    GOOD,
    SHAPE,
    FilmTests,
    at,
    frame_of_squares,
    whole_of,
)


class VideoEngineTests(FilmTests):
    """What every engine must do that follows objects through frames. Say in ``make_engine`` how it is made.

    Set ``sees = False`` for one with random weights, and ``keeps`` where it remembers more frames.
    """

    # -- prompts ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", ["points", "boxes", "masks", "points and a box"])
    def test_each_kind_of_prompt_begins_an_object_or_is_unsupported(
        self, engine: ImageEngine, session: VideoSession, kind: str
    ) -> None:
        taken, make = self.kinds(engine)[kind]
        first, second = self.frames(engine, 2)

        if not taken:
            with pytest.raises(Unsupported) as caught:
                session.prompt(0, first, 1, make(FIRST_SQUARE))
            assert caught.value.hint
            return
        answer = session.prompt(0, first, 1, make(FIRST_SQUARE))

        assert_sound(answer, SHAPE)
        if self.sees:
            assert iou(answer.mask, FIRST_SQUARE) > GOOD
        self.assert_right(session.step(1, second), 1, 1)

    def test_a_mask_alone_is_taken_as_it_is(self, engine: ImageEngine, session: VideoSession) -> None:
        if not self.limits(engine).masks:
            pytest.skip("takes no masks")
        drawn = np.random.default_rng(0).random((9, 11)) < 0.7

        answer = session.prompt(0, self.frames(engine, 1)[0], 1, Prompts(mask=MaskPrompt(PlacedMask(drawn, (20, 30)))))

        np.testing.assert_array_equal(answer.mask.within(Box(20, 30, 29, 41)), drawn)
        assert answer.mask.area == drawn.sum()

    def test_a_followed_object_is_corrected_and_goes_on_from_there(
        self, engine: ImageEngine, session: VideoSession
    ) -> None:
        frames = self.frames(engine)
        found = self.follow(engine, session, frames[:3])[-1].objects.get(1)
        right = at(FIRST_SQUARE, 2)
        kinds = self.kinds(engine)

        for kind in ("points", "boxes", "masks"):
            taken, make = kinds[kind]
            if taken:
                present = found.mask if found is not None else None
                answer = session.prompt(2, frames[2], 1, make(right), present)
                assert_sound(answer, SHAPE)
                if self.sees:
                    assert iou(answer.mask, right) > GOOD
        self.assert_right(session.step(3, frames[3]), 3, 1, 2)

    def test_what_cannot_be_meant_is_an_error_and_changes_nothing(
        self, engine: ImageEngine, session: VideoSession
    ) -> None:
        frames, kinds = self.frames(engine, 2), self.kinds(engine)
        session.prompt(0, frames[0], 1, self.begun(engine, FIRST_SQUARE))
        wrong = [make(Box(200, 200, 216, 216)) for taken, make in kinds.values() if taken]

        for prompts in [Prompts(), *wrong]:
            with pytest.raises(PromptError):
                session.prompt(0, frames[0], 2, prompts)
        with pytest.raises(PromptError):
            session.prompt(0, frames[0], 0, self.begun(engine, FIRST_SQUARE))

        self.assert_right(session.step(1, frames[1]), 1, 1)

    # -- ways -------------------------------------------------------------------------------------

    def test_objects_are_followed_forward_and_backward(self, engine: ImageEngine, session: VideoSession) -> None:
        frames = self.frames(engine)

        for frame, found in enumerate(self.follow(engine, session, frames), 1):
            self.assert_right(found, frame, 1, 2)
        masks = {1: whole_of(at(FIRST_SQUARE, 3)), 2: whole_of(at(SECOND_SQUARE, 3))}
        session.begin(3, frames[3], masks)
        for frame in (2, 1, 0):
            self.assert_right(session.step(frame, frames[frame]), frame, 1, 2)

    def test_a_session_is_begun_at_any_frame_with_objects_it_never_saw(
        self, engine: ImageEngine, session: VideoSession
    ) -> None:
        frames = self.frames(engine)

        session.begin(2, frames[2], {1: whole_of(at(FIRST_SQUARE, 2))})
        forward = session.step(3, frames[3])
        session.begin(2, frames[2], {1: whole_of(at(FIRST_SQUARE, 2))})
        backward = session.step(1, frames[1])

        self.assert_right(forward, 3, 1)
        self.assert_right(backward, 1, 1)

    def test_an_object_that_is_begun_later_joins_those_that_were_followed_onto_its_frame(
        self, engine: ImageEngine, session: VideoSession
    ) -> None:
        frames = self.frames(engine)
        session.prompt(0, frames[0], 1, self.begun(engine, FIRST_SQUARE))
        session.step(1, frames[1])

        session.begin(1, frames[1], {2: whole_of(at(SECOND_SQUARE, 1))})

        self.assert_right(session.step(2, frames[2]), 2, 1, 2)

    def test_only_the_objects_asked_for_are_followed_on(self, engine: ImageEngine, session: VideoSession) -> None:
        frames = self.frames(engine)
        self.follow(engine, session, frames[:1])

        alone = session.step(1, frames[1], [2])
        both = session.step(2, frames[2])
        session.begin(2, frames[2], {1: whole_of(at(FIRST_SQUARE, 2))})
        again = session.step(3, frames[3])

        self.assert_right(alone, 1, 2)
        assert both.objects.keys() | both.lost <= {2}
        if self.sees:
            self.assert_right(again, 3, 1, 2)

    def test_an_object_that_is_removed_is_followed_no_longer(self, engine: ImageEngine, session: VideoSession) -> None:
        frames = self.frames(engine)
        self.follow(engine, session, frames[:2])

        session.remove(1)
        session.remove(1)
        session.remove(77)

        self.assert_right(session.step(2, frames[2]), 2, 2)

    def test_an_object_that_is_gone_is_not_found(self, engine: ImageEngine, session: VideoSession) -> None:
        frames, dark = self.frames(engine, 1), self.encode(engine, np.full((*SHAPE, 3), 20, np.uint8))
        self.follow(engine, session, frames)

        found = session.step(1, dark)

        assert found.objects.keys() | found.lost <= {1, 2}
        assert not found.lost & found.objects.keys()
        if self.sees:
            assert not found.objects

    # -- sessions ---------------------------------------------------------------------------------

    def test_a_session_without_objects_cannot_step(self, engine: ImageEngine, session: VideoSession) -> None:
        with pytest.raises(PromptError):
            session.step(0, self.frames(engine, 1)[0])

    def test_the_same_frames_and_prompts_give_the_same_answers(self, engine: ImageEngine) -> None:
        frames = self.frames(engine)

        first, second = (self.follow(engine, video_of(engine).start(), frames) for _ in range(2))

        for a, b in zip(first, second, strict=True):
            self.assert_alike(a, b)

    def test_sessions_side_by_side_do_not_touch_each_other(self, engine: ImageEngine, session: VideoSession) -> None:
        frames, other = self.frames(engine), video_of(engine).start()
        alone = self.follow(engine, session, frames)
        session.close()
        for object_id, box in ((1, FIRST_SQUARE), (2, SECOND_SQUARE)):
            session.prompt(0, frames[0], object_id, self.begun(engine, box))

        other.prompt(3, frames[3], 1, self.begun(engine, at(SECOND_SQUARE, 3)))
        mixed = []
        for frame in (1, 2, 3):
            mixed.append(session.step(frame, frames[frame]))
            other.step(3 - frame, frames[3 - frame])
        other.close()

        for a, b in zip(alone, mixed, strict=True):
            self.assert_alike(a, b)

    def test_a_closed_session_is_as_it_was_started(self, engine: ImageEngine, session: VideoSession) -> None:
        frames = self.frames(engine)
        before = self.follow(engine, session, frames)

        session.close()
        session.close()

        with pytest.raises(PromptError):
            session.step(1, frames[1])
        for a, b in zip(before, self.follow(engine, session, frames), strict=True):
            self.assert_alike(a, b)

    def test_frames_are_not_kept(self, engine: ImageEngine, session: VideoSession) -> None:
        alive: list[weakref.ref[Any]] = []

        def encoded(frame: int) -> Embedding:
            made = self.encode(engine, frame_of_squares(frame % 2))
            alive.append(weakref.ref(made))
            return made

        first = encoded(0)
        session.prompt(0, first, 1, self.begun(engine, FIRST_SQUARE))
        del first
        for frame in range(1, 13):
            session.begin(frame - 1, encoded(frame - 1), {1: whole_of(at(FIRST_SQUARE, (frame - 1) % 2))})
            session.step(frame, encoded(frame))
        gc.collect()
        while_followed = sum(one() is not None for one in alive)
        session.close()
        gc.collect()

        assert while_followed <= self.keeps
        assert not any(one() for one in alive)

    def test_a_query_is_taken_or_unsupported(self, engine: ImageEngine) -> None:
        query = Query((TextPrompt("square"),))

        if self.limits(engine).text:
            video_of(engine).start(query).close()
        else:
            with pytest.raises(Unsupported) as caught:
                video_of(engine).start(query)
            assert caught.value.hint

    # -- errors and cancel ------------------------------------------------------------------------

    def test_frames_of_another_size_are_answered_or_an_error_of_ours(
        self, engine: ImageEngine, session: VideoSession
    ) -> None:
        self.follow(engine, session, self.frames(engine, 2))
        small, large = self.encode(engine, blobs((30, 40))), self.encode(engine, blobs())

        with suppress(AssistantError):
            for frame, embedding in ((2, large), (3, small), (4, large)):
                for answer in session.step(frame, embedding).objects.values():
                    assert_sound(answer, embedding.shape)

    def test_errors_are_ours(self, engine: ImageEngine, session: VideoSession) -> None:
        class Foreign:
            nbytes, shape = 1, SHAPE

        with pytest.raises(AssistantError):
            session.prompt(0, Foreign(), 1, self.begun(engine, FIRST_SQUARE))
        self.follow(engine, session, self.frames(engine, 1))
        with pytest.raises(AssistantError):
            session.step(1, Foreign())

    def test_a_cancelled_call_may_be_made_again(self, engine: ImageEngine, session: VideoSession) -> None:
        frames, raised = self.frames(engine, 2), CancelToken()
        raised.cancel()

        with pytest.raises(Cancelled):
            session.prompt(0, frames[0], 1, self.begun(engine, FIRST_SQUARE), cancel=raised)
        session.prompt(0, frames[0], 1, self.begun(engine, FIRST_SQUARE), cancel=CancelToken())
        with pytest.raises(Cancelled):
            session.step(1, frames[1], cancel=raised)

        self.assert_right(session.step(1, frames[1], cancel=CancelToken()), 1, 1)

    def test_sessions_of_a_closed_engine_refuse(self, engine: ImageEngine, session: VideoSession) -> None:
        frames = self.frames(engine, 2)
        self.follow(engine, session, frames[:1])

        engine.close()

        with pytest.raises(EngineError):
            session.step(1, frames[1])
        with pytest.raises(EngineError):
            session.prompt(0, frames[0], 1, self.begun(engine, FIRST_SQUARE))
        with pytest.raises(EngineError):
            video_of(engine).start()
        session.close()
