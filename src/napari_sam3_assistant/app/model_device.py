"""On what SAM3 runs: the device chosen, those there are, and what is used where one is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_sam3_assistant.app import model_hints
from napari_sam3_assistant.app.meta_state import MULTIPLEX
from napari_sam3_assistant.app.model_state import DEVICES, WITH_WEIGHTS
from napari_sam3_assistant.app.runtime import Runtime
from napari_sam3_assistant.core.errors import AssistantError, DeviceError
from napari_sam3_assistant.engines import devices, machine
from napari_sam3_assistant.engines.machine import Machine
from napari_sam3_assistant.engines.protocol import Capabilities

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

CHANGED = "Device changed; unloaded SAM3 model so it reloads on the selected device."
DROPPED = "The search that was waiting was dropped. Run Preview searches again."
INSTEAD = "Automatic is used from now on: ask again."


class Device:
    """Chooses the device, and notes which ones there are.

    Parameters
    ----------
    controller : AppController
    runtime : Runtime
    use : callable
        Has the engine be made for the device in use.
    """

    def __init__(self, controller: AppController, runtime: Runtime, use: Callable[[], None]) -> None:
        self._controller, self._runtime, self._use = controller, runtime, use
        self._state = controller.state.model
        self._asked: tuple[str, ...] = ()

    def choose(self, name: str) -> None:
        """Run SAM3 on this device, one of :data:`DEVICES`, from the next question on."""
        state, asking = self._state, self._controller.asking
        before, state.device_wanted = state.computes_on, name
        if state.computes_on == before:
            return
        told = CHANGED if state.loaded else f"Selected device: {DEVICES[name]}."
        if asking.searches:
            told = f"{told} {DROPPED}"
        for name in (*WITH_WEIGHTS, MULTIPLEX):
            self._runtime.unload(name)
        self._use()
        asking.follow()
        asking.tell(told)

    def take_note(self, error: AssistantError) -> AssistantError:
        """Return what to say of an error; a device that is not there is given up, and ``Automatic`` used."""
        state = self._state
        if not isinstance(error, DeviceError) or state.computes_on == devices.AUTO:
            return error
        state.devices = self._asked = tuple(one for one in state.devices if one != state.computes_on)
        said = DeviceError(error.message, hint=f"{error.hint} {INSTEAD}".strip())
        self._controller.on_main(lambda: self._fall_back(said))
        return said

    def _fall_back(self, said: DeviceError) -> None:
        if self._controller.closed:
            return
        self._use()
        if self._controller.status.error is not said:
            self._controller.status.fail(said)

    # -- what there is ----------------------------------------------------------------------------

    def look_again(self) -> None:
        """Forget what torch has said: it may be another one by now."""
        self._asked = ()

    def note(self, seen: Machine, can: Capabilities | None) -> None:
        """Write which devices there are, and on which one SAM3 runs or would run.

        Parameters
        ----------
        seen : Machine
        can : Capabilities or None
            What SAM3 says; None while it is not in memory.
        """
        state = self._state
        if can is not None:
            self._asked = can.devices
        state.runs_on = "" if can is None else can.devices[0].upper()
        state.devices = self._asked or machine.expected_devices(seen)
        if can is not None:
            state.device = machine.loaded_words(seen, can.devices)
        elif state.computes_on != devices.AUTO:
            state.device = f"{DEVICES[state.computes_on]}, as chosen."
        else:
            state.device = machine.device_words(seen)

    def tell_if_gone(self) -> None:
        """Say that the device that was remembered is not there any more."""
        if model_hints.gone(self._state):
            self._controller.status.idle(model_hints.gone(self._state))
