"""What the row of the model shows, and Step 1: values that widgets draw."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam3_assistant.app.views import Action


@dataclass(frozen=True, slots=True)
class ModelView:
    """The model of SAM3.

    Attributes
    ----------
    status, status_tip : str
        Whether it is there; where, and what it serves.
    reason, reason_tip : str
        Which engine answers and why; on what device.
    advice : str
        What is wrong and what to do now, in place of the reason; empty where nothing is wrong.
    offer : bool
        Whether ``Get SAM3`` is shown, or else ``Unload``; of a model here.
    of_meta : bool
        Whether Meta's package is to run the model: which Python has it can be chosen then.
    remote : bool
        Whether an engine on a server is chosen: nothing of a model here is shown then.
    alone : bool
        Whether it is offered to go on without the server.
    folder, get, unload, server, builtin, python : Action
    """

    status: str
    status_tip: str
    reason: str
    reason_tip: str
    advice: str
    offer: bool
    of_meta: bool
    remote: bool
    alone: bool
    folder: Action
    get: Action
    unload: Action
    server: Action
    builtin: Action
    python: Action


@dataclass(frozen=True, slots=True)
class ModelStepView:
    """What only the mode ``Advanced`` shows of the model of SAM3: two choices in the strip, and Step 1.

    Attributes
    ----------
    shown : bool
        Whether the two choices are shown.
    types, devices : tuple of tuple
        What can be chosen: title and value of each.
    model_type, device : str
        The values in use.
    type_tip, device_tip : str
    validate, load_image, load_video, unload : Action
    load_on_run : bool
        Whether ``Load model when running`` is checked.
    load_on_run_tip : str
    """

    shown: bool
    types: tuple[tuple[str, str], ...]
    model_type: str
    type_tip: str
    devices: tuple[tuple[str, str], ...]
    device: str
    device_tip: str
    validate: Action
    load_image: Action
    load_video: Action
    unload: Action
    load_on_run: bool
    load_on_run_tip: str
