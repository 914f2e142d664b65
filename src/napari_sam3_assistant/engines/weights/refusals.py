"""Why a download does not go on, and what to do about it: the hub's answers in plain words.

No message of another package is passed on: it might hold an address with a key in it.
"""

from __future__ import annotations

import errno

from napari_sam3_assistant.core.errors import AssistantError, EngineError, SaveError

TOKENS = "https://huggingface.co/settings/tokens"
BY_HAND = (
    "By hand: open https://huggingface.co/facebook/sam3 in a browser, accept the licence, and save config.json,"
    " model.safetensors and tokenizer.json from its Files into one folder."
)


class NoAccess(EngineError):
    """The hub wants a token, or another one: who is asked for one may try again."""


def explained(error: Exception, repository: str, has_token: bool) -> AssistantError:
    """Return what the hub or the network has raised as an error that says what to do.

    Parameters
    ----------
    error : Exception
        Of ``huggingface_hub``, of what it uses for HTTP, or of the system.
    repository : str
        Such as ``"facebook/sam3"``.
    has_token : bool
        Whether a token was sent.
    """
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None) or _status_of_cause(error)
    page = f"https://huggingface.co/{repository}"
    if status == 401:
        return _no_token(page, has_token)
    if status == 403 or isinstance(error, errors.GatedRepoError):
        return NoAccess(
            f"Your account has no access to {repository} yet, or the token may not read it (403).",
            hint=f"Open {page}, sign in, accept the licence and wait until access is granted; give a token of that"
            f" account that may read gated repositories ({TOKENS}). {BY_HAND}",
        )
    if status == 404:
        return EngineError(f"The hub has no {repository}, or not that file (404).", hint=BY_HAND)
    if status is not None:
        busy = "is busy" if status == 429 else "is in trouble"
        return EngineError(f"The hub {busy} ({status}).", hint="Try again later: what has come is kept. " + BY_HAND)
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        return _of_disk(error)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return EngineError("The hub is not asked: HF_HUB_OFFLINE is set.", hint="Unset HF_HUB_OFFLINE, and try again.")
    if not isinstance(error, (OSError, errors.HTTPError)):
        return EngineError(f"The download failed ({type(error).__name__}).", hint=BY_HAND)
    return EngineError(
        f"The hub cannot be reached, or the connection was lost ({type(error).__name__}).",
        hint=f"Check the network and the proxy, and try again: what has come is kept. {BY_HAND}",
    )


def _of_disk(error: OSError) -> SaveError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SaveError("The disk is full.", hint="Free some space and try again: what has come is kept.")
    return SaveError(f"A file cannot be written: {error.strerror}.", hint="Choose a folder of your own.")


def _no_token(page: str, has_token: bool) -> NoAccess:
    if has_token:
        return NoAccess(
            "The hub does not accept this token (401).",
            hint=f"It may be mistyped, or withdrawn: make one at {TOKENS}, of an account that has accepted the"
            f" licence at {page}.",
        )
    return NoAccess(
        "The model is behind a licence, and the hub wants to know who asks (401).",
        hint=f"Accept the licence at {page}; make a token at {TOKENS}; set HF_TOKEN to it, or type it where it is"
        f" asked for. {BY_HAND}",
    )


def _status_of_cause(error: BaseException) -> int | None:
    """Return the status of the answer that has led to ``error``."""
    cause = error.__cause__ or error.__context__
    if cause is None:
        return None
    return getattr(getattr(cause, "response", None), "status_code", None) or _status_of_cause(cause)
