"""What every test needs: settings of its own, and arrays to click on."""

from __future__ import annotations

import copy
import functools
import gc
import os
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from napari_sam3_assistant.export.journal_folder import ENVIRONMENT

# A run says something of the change alone: the same cases each time. HYPOTHESIS_PROFILE=explore looks for new ones;
# what it finds becomes an @example. How long a case takes says nothing on a machine that others use too.
_patient = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeat", derandomize=True, database=None, **_patient)
settings.register_profile("explore", **_patient)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))


@pytest.fixture(scope="module", autouse=True)
def what_is_loaded_is_no_garbage():
    """Leave what has been loaded by now out of what follows: napari collects for each layer that goes, 0.3 s each."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def manifests_are_parsed_once():
    """Parse the text of each manifest once: napari reads those of all plugins twice a viewer, 0.4 s in all."""
    manifests = sys.modules.get("npe2.manifest._bases")
    if not hasattr(manifests, "_load_yaml_no_duplicates"):  # no napari here, or another npe2
        yield
        return
    parsed = functools.cache(manifests._load_yaml_no_duplicates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifests, "_load_yaml_no_duplicates", lambda stream: copy.deepcopy(parsed(stream.read())))
        yield


@pytest.fixture(autouse=True)
def own_settings(tmp_path_factory, monkeypatch):
    """Give each test settings and journals of its own: what it does must not become what the user finds remembered."""
    folder = tmp_path_factory.mktemp("settings")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.setenv(ENVIRONMENT, str(folder / "journals"))
    napari = sys.modules.get("napari.settings")  # if a test is the first to import it, it finds the folder above
    if hasattr(napari, "get_plugin_settings"):
        monkeypatch.setattr(napari, "_CFG_PATH", str(folder / "settings.yaml"))
        napari._clear_plugin_settings_cache()
    try:
        from qtpy.QtCore import QSettings
    except ImportError:  # a machine without a screen runs the tests that need none
        return
    for kind in (QSettings.Format.NativeFormat, QSettings.Format.IniFormat):
        QSettings.setPath(kind, QSettings.Scope.UserScope, str(folder))


def squares(side: int = 128) -> np.ndarray:
    """Return a grey picture of two bright squares on a dark, slightly noisy ground.

    They hold the pixels 20 to 49 and 80 to 109 of both axes.
    """
    picture = np.random.default_rng(0).integers(18, 23, (side, side)).astype(np.uint8)
    picture[20:50, 20:50] = 200
    picture[80:110, 80:110] = 150
    return picture
