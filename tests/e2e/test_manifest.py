"""What napari finds of us: two widgets, their menu entries, two samples."""

from __future__ import annotations

import json
from importlib import import_module

import npe2
import pytest

from napari_sam3_assistant.layers import names

COMMANDS = {
    "napari-sam3-assistant.make_widget": (
        "SAM3 Assistant",
        "napari_sam3_assistant.widgets.main_widget:MainWidget",
    ),
    "napari-sam3-assistant.make_mask_operations_widget": (
        "SAM3 Mask Operations",
        "napari_sam3_assistant.widgets.mask_operations_widget:MaskOperationsWidget",
    ),
}


@pytest.fixture(scope="module")
def manifest():
    return npe2.PluginManifest.from_distribution("napari-sam3-assistant")


def test_the_commands_are_those_users_and_scripts_know(manifest):
    found = {one.id: (one.title, str(one.python_name)) for one in manifest.contributions.commands}

    assert manifest.display_name == "SAM3 Assistant"
    assert {name: found[name] for name in COMMANDS} == COMMANDS
    assert [one.display_name for one in manifest.contributions.widgets] == ["SAM3 Assistant", "SAM3 Mask Operations"]


def test_every_command_leads_to_something_that_can_be_called(manifest):
    for command in manifest.contributions.commands:
        module, name = str(command.python_name).split(":")
        assert callable(getattr(import_module(module), name))


def test_the_widgets_are_in_the_menus_of_layers(manifest):
    menus = {menu: [item.command for item in items] for menu, items in manifest.contributions.menus.items()}

    assert menus == {
        "napari/layers/segment": ["napari-sam3-assistant.make_widget"],
        "napari/layers/annotate": ["napari-sam3-assistant.make_mask_operations_widget"],
    }


def test_the_manifest_is_json_that_npe2_reads_again(manifest):
    assert npe2.PluginManifest(**json.loads(manifest.json(exclude_unset=True))).name == manifest.name


@pytest.mark.parametrize(("key", "rgb"), [("nuclei", False), ("histology", True)])
def test_a_sample_opens_from_napari_s_menu_with_its_scale(open_driver, key, rgb):
    driver = open_driver()

    driver.viewer.open_sample("napari-sam3-assistant", key)
    driver.pump(0.1)

    layer = driver.viewer.layers[0]
    assert bool(layer.rgb) is rgb and layer.data.shape[:2] == (512, 512)
    assert tuple(layer.scale) != (1, 1) and str(layer.units[0]) == "micrometer"
    assert driver.state.task.armed and driver.viewer.layers.selection.active.name == names.POINTS


def test_mask_ops_opens_mask_operations_once(open_driver):
    driver = open_driver()
    driver.widget.start.sample.click()
    driver.pump(0.1)

    for _ in range(2):
        driver.widget.simple.run.mask_ops.click()
        driver.pump(0.2)

    docks = [name for name in driver.viewer.window.dock_widgets if name.startswith("SAM3 Mask Operations")]
    assert len(docks) == 1
