"""Frames that are asked of a client, and come when nobody waits for them any more."""

import asyncio
from types import SimpleNamespace

import pytest

from napari_sam3_assistant.server.session.video_frames import VideoFrames
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.video_messages import VideoFrame


def test_a_frame_that_comes_in_one_go_with_the_wish_to_stop_is_not_refused_but_another_is():
    async def run() -> None:
        asked = asyncio.Event()

        async def send(message) -> None:
            asked.set()

        frames = VideoFrames(SimpleNamespace(send=send, limits=SimpleNamespace(frame_s=20)), "v", 5, (4, 4))
        frame = VideoFrame(type="frame", video_id="v", index=2, image_id="i")
        frames.ahead(2)
        await asked.wait()

        frames.stop()
        frames.take(frame)  # what asked has not had its turn since

        for _ in range(5):
            await asyncio.sleep(0)
        with pytest.raises(Refusal, match="Frame 2 was not asked for"):
            frames.take(frame)

    asyncio.run(run())
