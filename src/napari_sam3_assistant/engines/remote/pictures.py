"""Pictures that a server has, or gets when it asks for them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.core.intensity import check_image
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.engines.protocol import Embedding
from napari_sam3_assistant.engines.remote.dialling import BUILTIN
from napari_sam3_assistant.engines.remote.link import Link
from napari_sam3_assistant.engines.remote.uploads import check_size, file_of, is_grey
from napari_sam3_assistant.wire.pictures import picture_id
from napari_sam3_assistant.wire.replies import ImageNeeded
from napari_sam3_assistant.wire.values import LimitsInfo, Message
from napari_sam3_assistant.wire.video_messages import Encode
from napari_sam3_assistant.wire.video_replies import Encoded

MOST_TIMES = 4
"""A server that forgets a picture so often in a row has no memory for it."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class RemotePicture:
    """What is kept here of a picture, to send it again: its pixels, of a grey one a third of them.

    Attributes
    ----------
    image_id : str
        By which the server knows it.
    shape : tuple of int
        Height and width, in pixels.
    """

    image_id: str
    shape: tuple[int, int]
    _pixels: npt.NDArray[np.uint8] = field(repr=False)

    @classmethod
    def of(cls, image: npt.NDArray[np.uint8]) -> RemotePicture:
        """Return the picture of RGB pixels, shape (H, W, 3), uint8.

        Raises
        ------
        EngineError
            If they are none.
        """
        check_image(image)
        image = np.ascontiguousarray(image)
        kept = image[..., :1].copy() if is_grey(image) else image.copy()
        return cls(picture_id(image), (image.shape[0], image.shape[1]), kept)

    @property
    def nbytes(self) -> int:
        """Memory that it takes here, in bytes."""
        return int(self._pixels.nbytes)

    def file(self, limits: LimitsInfo) -> bytes:
        """Return it as a file that a server of these limits takes; TooLargeError if there is none."""
        return file_of(np.broadcast_to(self._pixels, (*self.shape, 3)), limits)


def own(embedding: Embedding) -> RemotePicture:
    """Return an embedding as the picture that it is; EngineError if it is another engine's."""
    if not isinstance(embedding, RemotePicture):
        raise EngineError("This embedding is another engine's.", hint="Encode the image again.")
    return embedding


class Store:
    """The pictures on the other end of a link.

    Parameters
    ----------
    link : Link
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def make_ready(
        self, picture: RemotePicture, *, progress: Progress = no_progress, cancel: CancelToken | None = None
    ) -> None:
        """Have a picture encoded, and sent before if it is not there.

        Raises
        ------
        TooLargeError
            If it is larger than the server takes.
        AssistantError
            As :meth:`Link.ask`.
        """

        def tell(fraction: float | None, message: str = "") -> None:
            # Sending is most of the work where it takes long; the server says nothing of how far it is.
            progress(None if fraction is None else 0.9 * fraction, message)

        check_size(picture.shape, self._link.connected(cancel=cancel, progress=progress).line.welcome.limits)
        message = Encode(image_id=picture.image_id)
        for _ in range(MOST_TIMES):
            answer = self._link.ask(message, cancel=cancel, progress=tell)
            if isinstance(answer, Encoded):
                if answer.image_id != picture.image_id:
                    raise _astray()
                return
            if not isinstance(answer, ImageNeeded):
                break
            limits = self._link.connected(cancel=cancel, progress=progress).line.welcome.limits
            message = Encode(image_id=picture.image_id, image=picture.file(limits))
        raise _astray()

    def ask(self, message: Message, *pictures: RemotePicture) -> Message:
        """Return the answer to a question about pictures; those that the server has forgotten are sent again."""
        for _ in range(MOST_TIMES):
            answer = self._link.ask(message)
            if not isinstance(answer, ImageNeeded):
                return answer
            for picture in pictures:
                if picture.image_id == answer.image_id:
                    self.make_ready(picture)
        raise _astray()


def _astray() -> EngineError:
    return EngineError("The server does not keep this picture.", hint=f"Try again later, {BUILTIN}")
