"""Which letter, with Alt, is whose."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.widgets.advanced.panel import AdvancedPanel
from napari_sam3_assistant.widgets.simple.panel import SimplePanel
from napari_sam3_assistant.widgets.top_strip import TopStrip


def of_main(top: TopStrip, simple: SimplePanel, advanced: AdvancedPanel) -> dict[str, tuple[QWidget, ...]]:
    """Return the controls of each letter: where there are two, one is of each mode."""
    steps, both = advanced.sections, (simple.results, advanced.run)
    return {
        "I": (top.modes[False],),
        "D": (top.modes[True],),
        "M": (top.model.folder,),
        "U": (simple.setup,),
        "O": (simple.prompt,),
        "B": (simple.records.open_table,),
        "G": (simple.records.open_log, steps[Section.LOG].opener),
        **{
            str(number): (steps[name].opener,)
            for number, name in enumerate(
                (Section.MODEL, Section.TASK, Section.PROMPTS, Section.RUN, Section.RESULTS), 1
            )
        },
        "R": (simple.run.run, advanced.run.run.run),
        "N": (simple.run.cancel, advanced.run.run.cancel),
        "K": (simple.run.mask_ops, advanced.run.run.mask_ops),
        "Y": (simple.prompt.create, advanced.prompts.create),
        "J": (simple.prompt.objects.begin, advanced.prompts.objects.begin),
        "T": tuple(one.accepting.accept_clear for one in both),
        "A": tuple(one.saving.save for one in both),
        "E": tuple(one.saving.save_clean for one in both),
    }
