"""One row for every control of both modes: what has to be there first, what a user does, what must differ then."""

from __future__ import annotations

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.control_hands import (
    accepted_one,
    answers,
    box_drawn,
    cancelled,
    click_first_row,
    click_on_frame,
    corrected,
    crop_given,
    ctrl_enter,
    example_found,
    followed_forward,
    followed_with_a_fault,
    frames,
    frames_of_films,
    frames_written,
    high_threshold,
    in_colour,
    in_memory,
    left_behind,
    load_answered,
    load_on,
    loaded,
    loaded_with_masks,
    log_open,
    meta_chosen,
    next_box,
    next_polarity,
    not_loaded,
    on_a_frame,
    on_a_frame_of_films,
    on_screen,
    one_frame_of,
    one_object,
    other_selected,
    own_labels,
    own_points,
    own_shapes,
    polarities,
    ran,
    rows_shown,
    rung,
    running,
    sam31_on_frames,
    save_and_clean,
    saved,
    second_point_selected,
    server_away,
    table_of_two_pictures,
    table_open,
    task,
    then_run,
    two_crops_given,
    two_d,
    two_objects,
    two_pictures_with_masks,
    type_folder,
    undone,
    validated,
    with_a_window,
)
from tests.e2e.controls import (
    Row,
    accepted,
    aimed,
    choose,
    clipboard,
    files,
    job,
    layers,
    masks,
    pictures,
    press,
    rows,
    said,
    saves,
    set_to,
    shown,
    state,
    type_in,
)
from tests.e2e.hands import points


def rows_both(make) -> tuple[Row, ...]:
    """Return the rows of controls that both modes show, at their places."""
    simple = {"image": "setup", "tuning": "prompt", "prompt": "prompt", "run": "run", "results": "results"}
    advanced = {"image": "task", "tuning": "task.tuning", "prompt": "prompts", "run": "run.run", "results": "run"}
    return make({key: f"simple.{at}" for key, at in simple.items()} | {"table": "simple.records.table"}) + make(
        {key: f"advanced.{at}" for key, at in advanced.items()} | {"table": "advanced.results.table"}
    )


def shared(at: dict[str, str]) -> tuple[Row, ...]:
    image, tuning, prompt, run, results, table = (
        at[key] for key in ("image", "tuning", "prompt", "run", "results", "table")
    )
    return (
        Row(f"{image}.image", choose("other"), job),
        Row(f"{image}.refresh", press, job, other_selected),
        Row(f"{image}.limits", press, job),
        Row(f"{image}.channels.mode", choose("RGB"), job, scene="channels"),
        *(Row(f"{image}.channels.colours[{k}]", choose("-"), job, in_colour, scene="channels") for k in range(3)),
        Row(f"{image}.window.local", press, job, scene="large"),
        Row(f"{image}.window.side", choose("512 x 512"), job, with_a_window, scene="large"),
        Row(f"{image}.window.whole", press, job, scene="large"),
        Row(f"{tuning}.threshold", high_threshold, masks, example_found),
        Row(f"{prompt}.polarity", choose("Negative"), next_polarity),
        Row(f"{prompt}.box_polarity", choose("Counter-example"), next_box, task(Task.EXEMPLAR)),
        Row(f"{prompt}.text", type_in("red", enter=True), masks, task(Task.TEXT), scene="words"),
        Row(f"{prompt}.create", press, layers, two_d),
        Row(f"{prompt}.objects.previous", press, aimed, two_objects),
        Row(f"{prompt}.objects.next", press, aimed, two_objects),
        Row(f"{prompt}.objects.begin", press, aimed, one_object),
        Row(f"{prompt}.objects.delete", press, masks, one_object),
        Row(f"{prompt}.objects.reading", press, masks, corrected),
        Row(f"{prompt}.objects.undo", press, masks, one_object),
        Row(f"{prompt}.objects.redo", press, masks, undone),
        Row(f"{run}.run", press, masks, box_drawn),
        Row(f"{run}.cancel", press, cancelled, running),
        Row(f"{run}.clear_preview", press, layers, one_object),
        Row(f"{run}.mask_ops", press, lambda driver: len(driver.viewer.window.dock_widgets)),
        Row(f"{results}.accepting.accept_clear", press, accepted, one_object),
        Row(f"{results}.accepting.accept_only", press, accepted, one_object),
        Row(f"{results}.accepting.undo_accept", press, accepted, accepted_one),
        Row(f"{results}.accepting.edit", press, layers, accepted_one, scene="large"),
        Row(f"{results}.saving.folder", type_folder, saves, one_object),
        Row(f"{results}.saving.choose", press, saves, one_object),
        Row(f"{results}.saving.format", choose("PNG"), saves, one_object),
        Row(f"{results}.saving.filename", type_in("mine"), saves, one_object),
        Row(f"{results}.saving.open_folder", press, lambda driver: list(driver.opened), saved),
        Row(f"{results}.saving.everywhere", press, saves, two_pictures_with_masks),
        Row(f"{results}.saving.save", press, files, one_object),
        Row(f"{results}.saving.save_clean", press, layers, one_object),
        Row(f"{results}.saving.save_labels", press, layers, one_object),
        Row(f"{table}.table", click_first_row, aimed, table_open),
        Row(f"{table}.all_planes", press, rows_shown, table_of_two_pictures),
        Row(f"{table}.copy", press, clipboard, table_open),
        Row(f"{table}.export", press, files, table_open),
    )


SAM3_ROWS = rows(
    "sam3",
    Row("advanced.model.validate", press, validated),
    Row("advanced.model.load_image", press, in_memory, not_loaded),
    Row("top.model.unload", press, in_memory, loaded),
    Row("top.choices.device", load_on("CPU"), in_memory),
    Row("advanced.model.unload", press, in_memory, loaded),
    Row("advanced.model.load_video", press, in_memory, not_loaded),
    Row("simple.results.saving.unload", save_and_clean, in_memory, loaded_with_masks),
    Row("advanced.model.load_on_run", press, load_answered, not_loaded),
    Row("advanced.run.saving.unload", save_and_clean, in_memory, loaded_with_masks),
    Row("top.choices.type", choose("SAM3.1"), answers),
)


def toggled(mode: str) -> tuple[Row, ...]:
    return tuple(
        Row(f"simple.setup.tasks[{one.value}]", press, job, task(Task.TEXT if one is not Task.TEXT else Task.IMAGE))
        for one in Task
    )


def of_frames(at: str) -> tuple[Row, ...]:
    """Which frames are gone through."""
    return rows(
        "stack",
        Row(f"{at}.first", then_run(set_to(1)), frames, on_a_frame(2)),
        Row(f"{at}.last", then_run(set_to(2)), frames, on_a_frame(2)),
        Row(f"{at}.all", then_run(press), frames, one_frame_of(2)),
        Row(f"{at}.follow", then_run(press), on_screen, on_a_frame(2)),
        Row(f"{at}.axis", then_run(choose("t")), frames_of_films, on_a_frame_of_films),
    )


def of_glance(at: str) -> tuple[Row, ...]:
    """The strip, and the way from one doubtful frame to the next."""
    return rows(
        "stack",
        Row(f"{at}.strip", click_on_frame(3), on_screen, followed_with_a_fault),
        Row(f"{at}.next", press, on_screen, followed_with_a_fault),
        Row(f"{at}.previous", press, on_screen, followed_with_a_fault),
    )


ROWS = (
    Row("top.engine", choose("Built-in (no model)"), state("model.reason")),
    Row("top.sound", press, rung, box_drawn),
    Row("top.modes[False]", press, shown("advanced"), lambda driver: setattr(driver.state.task, "advanced", True)),
    Row("top.modes[True]", press, shown("advanced"), lambda driver: setattr(driver.state.task, "advanced", False)),
    Row("top.keys", press, shown("sheet")),
    Row("top.model.folder", press, answers),
    Row("top.model.get", press, shown("get_sam3")),
    Row("top.model.builtin", press, state("model.in_use"), server_away),
    Row("top.model.server", press, shown("server"), server_away),
    Row("top.model.python", press, shown("meta"), meta_chosen),
    *toggled("simple"),
    Row("simple.setup.channels.axis", set_to(0), job, scene="untold"),
    *(
        Row(f"simple.prompt.kinds.buttons[{kind.value}]", press, job, task(Task.IMAGE, other))
        for kind, other in zip(PromptKind, [*[*PromptKind][1:], PromptKind.POINTS], strict=True)
    ),
    Row("simple.prompt.reset", press, lambda driver: len(points(driver).data), one_object),
    Row("simple.run.clear_results", press, state("results.rows"), one_object),
    Row("simple.records.open_table", press, shown("simple.records.table"), one_object),
    Row("simple.records.open_log", press, shown("simple.records.log_panel")),
    Row("simple.records.log_panel.copy", press, clipboard, log_open),
    *rows_both(shared),
    *(
        Row(f"{at}.direction", then_run(choose("forward")), frames, on_a_frame(2), scene="stack")
        for at in ("simple.setup", "advanced.task.tuning")
    ),
    *(Row(f"{at}.go_on", press, frames, followed_forward, scene="stack") for at in ("simple.run", "advanced.run.run")),
    Row("simple.setup.open_frames", press, shown("simple.setup.frames"), task(Task.VIDEO), scene="stack"),
    *(row for at in ("simple.setup.frames", "advanced.task.tuning.frames") for row in of_frames(at)),
    *(
        Row(f"{at}.saving.while_running", then_run(press), frames_written, on_a_frame(2), scene="stack")
        for at in ("simple.results", "advanced.run")
    ),
    Row("offers.resume.restore", press, frames, left_behind, scene="stack"),
    Row("offers.resume.discard", press, state("video.resumable"), left_behind, scene="stack"),
    *(row for at in ("simple.results.glance", "advanced.results.glance") for row in of_glance(at)),
    *SAM3_ROWS,
    Row("advanced.task.task", choose("2D segmentation"), job),
    Row("advanced.task.batch", then_run(press), pictures, ran),
    Row("advanced.task.exemplar.source", choose("Use separate crop image"), job, task(Task.EXEMPLAR)),
    Row("advanced.task.exemplar.image", choose("third"), job, two_crops_given),
    Row("advanced.task.exemplar.region", choose("Box from Shapes layer"), job, crop_given),
    Row("advanced.task.tuning.axis", set_to(0), job, scene="untold"),
    Row("advanced.task.tuning.diagnostics", press, state("meta.diagnostics"), sam31_on_frames, scene="stack"),
    Row("advanced.task.section.opener", press, shown("advanced.task.tuning")),
    Row("advanced.prompts.kind", choose("Box"), job, task(Task.IMAGE)),
    Row("advanced.prompts.apply", press, polarities, second_point_selected),
    Row("advanced.prompts.lines", ctrl_enter, masks, task(Task.TEXT), scene="words"),
    Row("advanced.prompts.section.opener", press, shown("advanced.prompts.layers")),
    Row("advanced.prompts.layers.points", choose("mine"), masks, own_points),
    Row("advanced.prompts.layers.shapes", then_run(choose("mine")), masks, own_shapes),
    Row("advanced.prompts.layers.labels", then_run(choose("mine")), masks, own_labels),
    Row("advanced.prompts.layers.refresh", press, said),
    Row("advanced.prompts.clear", press, lambda driver: len(points(driver).data), one_object),
    Row("advanced.results.clear_results", press, state("results.rows"), one_object),
    Row("advanced.log_panel.copy", press, clipboard, log_open),
    *(
        Row(f"advanced.sections[{name.value}].opener", press, shown(f"advanced.{at}"))
        for name, at in (
            (Section.MODEL, "model"),
            (Section.TASK, "task"),
            (Section.PROMPTS, "prompts"),
            (Section.RUN, "run"),
            (Section.RESULTS, "results"),
            (Section.LOG, "log_panel"),
        )
    ),
)
