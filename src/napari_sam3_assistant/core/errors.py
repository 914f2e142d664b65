"""The errors a user sees: each says what failed and what to do now.

Code that meets a foreign error turns it into one of these near the cause. Nobody reads
the text of a message to decide what to do; the class tells.
"""

from __future__ import annotations


class AssistantError(Exception):
    """An error for a user.

    Parameters
    ----------
    message : str
        What failed, in one sentence.
    hint : str
        What to do now, in one sentence. May be empty only where nothing can be done.
    in_shell : str
        The hint for a user of the shell, where that is another: options in place of arguments.
    """

    def __init__(self, message: str, *, hint: str = "", in_shell: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.in_shell = in_shell or hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not pickle by themselves, and ours cross processes.
        return (_rebuild, (type(self), self.message, self.hint, self.in_shell))


def clause(sentence: str) -> str:
    """Return a sentence as the end of another one: without its full stop, and small unless it begins with a name."""
    text = sentence.rstrip(".")
    first = text.partition(" ")[0]
    return text[:1].lower() + text[1:] if first.istitle() and first.isalpha() else text


def _rebuild(kind: type[AssistantError], message: str, hint: str, in_shell: str) -> AssistantError:
    return kind(message, hint=hint, in_shell=in_shell)


class PromptError(AssistantError):
    """A point, box, mask or phrase cannot be used as it is."""


class ImageError(AssistantError):
    """A picture cannot be read, or has pixels that cannot be segmented."""


class TooLargeError(ImageError):
    """A picture, or what was found in it, is too much to take at once: a window of it is not."""


class ModelFolderError(AssistantError):
    """A model folder lacks something, or holds another model."""


class DeviceError(AssistantError):
    """The device asked for is not there, or cannot do the work."""


class EngineError(AssistantError):
    """An engine failed while it was loading or answering."""


class EmbeddingLost(EngineError):
    """The process that kept this embedding has ended: encode the image again."""


class OutOfMemory(EngineError):
    """Memory ran out where the engine runs; what it had made before may be gone."""


class ServerUnreachable(EngineError):
    """No server answers, or none has room: the same may succeed later; the engine Built-in needs none."""


class TokenRefused(EngineError):
    """The server lets in only who has another token."""


class SaveError(AssistantError):
    """A file could not be written; nothing that was there before has changed."""


class Unsupported(AssistantError):
    """The engine in use cannot do this; the hint names one that can."""


class Cancelled(AssistantError):
    """The user, or a newer request, has stopped this work."""

    def __init__(self, message: str = "Cancelled.", *, hint: str = "", in_shell: str = "") -> None:
        super().__init__(message, hint=hint, in_shell=in_shell)
