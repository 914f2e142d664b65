"""SAM3's files from a hub, with and without leave, network and room; the token is kept nowhere."""

import logging
import os
import shutil
import socket
import sys
from collections import namedtuple

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, EngineError, SaveError
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.engines.weights import download, fetch
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.refusals import NoAccess
from tests.engines.weights import small
from tests.engines.weights.hub import TOKEN, Hub, running

constants = pytest.importorskip("huggingface_hub.constants")

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def files(tmp_path):
    """Return the contents of a whole model folder, and Meta's file beside them as the real hub has it."""
    folder = small.write_sam3(tmp_path / "hub")
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    return contents | {"sam3.pt": b"the same once more", "README.md": b"read me", "LICENSE": b"be kind"}


@pytest.fixture
def hub(files, tmp_path, monkeypatch):
    """Run a hub, and let nothing be remembered between tests."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HF_TOKEN_PATH", "HF_STORED_TOKENS_PATH"):
        monkeypatch.setattr(constants, name, str(tmp_path / "no" / name))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub_cache"))
    monkeypatch.setattr(fetch, "_CHUNK", 4096)
    monkeypatch.setattr(fetch.time, "sleep", lambda seconds: None)
    with running(Hub(files)) as one:
        monkeypatch.setenv("HF_ENDPOINT", one.address)
        yield one


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models" / "sam3"


def test_an_empty_folder_becomes_a_whole_one(hub, folder, files):
    told = []

    known = download.get_model(folder, progress=lambda fraction, message="": told.append((fraction, message)))

    assert known.ready and "text" in known.tasks
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert not (folder / "sam3.pt").exists() and not (folder / "README.md").exists()
    fractions = [fraction for fraction, _ in told[1:]]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert any("model.safetensors: " in message and " of " in message for _, message in told)


def test_a_whole_folder_asks_nobody(hub, folder):
    download.get_model(folder)
    hub.asked.clear()

    download.get_model(folder)

    assert hub.asked == []


def test_only_what_is_missing_is_fetched(hub, folder):
    download.get_model(folder)
    (folder / "tokenizer.json").unlink()
    hub.asked.clear()

    known = download.get_model(folder)

    assert known.tokenizer == "tokenizer.json"
    assert len(hub.got("tokenizer.json")) == 1
    assert hub.got("model.safetensors") == []


def test_words_are_brought_to_meta_s_file_and_nothing_else(hub, folder):
    small.write_meta(folder)
    (folder / "merges.txt").unlink()

    known = download.get_model(folder)

    assert known.ready and known.tokenizer
    assert not (folder / "model.safetensors").exists()


def test_it_goes_on_where_it_stopped(hub, folder, files):
    cancel = CancelToken()

    def stop_late(fraction, message=""):
        if "model.safetensors" in message and fraction and fraction > 0.4:
            cancel.cancel()

    with pytest.raises(Cancelled):
        download.get_model(folder, progress=stop_late, cancel=cancel)
    assert "half downloaded" in ModelFolder.inspect(folder).problem
    hub.asked.clear()

    known = download.get_model(folder)

    assert known.ready
    (part,) = hub.got("model.safetensors")
    start = int(part.removeprefix("bytes=").removesuffix("-"))
    assert 0.3 * len(files["model.safetensors"]) < start < len(files["model.safetensors"])
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_a_line_that_breaks_is_taken_up_again(hub, folder, files):
    hub.cut_after = len(files["model.safetensors"]) // 2 + 1

    assert download.get_model(folder).ready
    first, *others = hub.got("model.safetensors")
    assert first is None and others and all(others)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_what_is_damaged_on_its_way_is_found_by_its_checksum(hub, folder, name, monkeypatch):
    hub.damage = name

    with pytest.raises(EngineError, match="damaged on its way"):
        download.get_model(folder)
    assert not (folder / name).exists()

    hub.damage = ""
    assert download.get_model(folder).ready


def test_a_line_that_is_dead_is_given_up_and_what_came_is_kept(hub, folder, files):
    hub.cut_after = 0
    with pytest.raises(EngineError, match="connection was lost"):
        download.get_model(folder)

    hub.cut_after = None
    assert download.get_model(folder).ready
    assert not (folder / ".get-model").exists()


def test_a_damaged_file_is_fetched_again(hub, folder, files):
    download.get_model(folder)
    (folder / "model.safetensors").write_bytes(files["model.safetensors"][:5000])

    assert download.get_model(folder).ready


def test_weights_of_one_s_own_are_kept(hub, folder):
    small.write_sam3(folder)
    mine = small.write_safetensors(
        folder / "model.safetensors", small.sam3_tensors() | {"detector_model.more": np.zeros(3, "f4")}
    )
    before = mine.read_bytes()
    (folder / "config.json").unlink()

    assert download.get_model(folder).ready
    assert mine.read_bytes() == before


@pytest.mark.parametrize("content", ['{"model_type": "sam2"}', '{"my": "settings"}'])
def test_files_of_something_else_are_left_as_they_are(hub, folder, content):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(content)

    with pytest.raises(SaveError, match="left as it is") as caught:
        download.get_model(folder)

    assert "empty folder" in caught.value.hint
    assert (folder / "config.json").read_text() == content
    assert hub.got("config.json") == []


def test_without_a_token_the_licence_is_explained(hub, folder):
    hub.tokens = {TOKEN}

    with pytest.raises(NoAccess, match="401") as caught:
        download.get_model(folder)

    hint = caught.value.hint
    assert "Accept the licence at https://huggingface.co/facebook/sam3" in hint
    assert "HF_TOKEN" in hint and "settings/tokens" in hint and "By hand" in hint


def test_a_token_that_nobody_knows_is_told(hub, folder):
    hub.tokens = {TOKEN}

    with pytest.raises(NoAccess, match="does not accept this token"):
        download.get_model(folder, token="hf_mistyped")


def test_an_account_without_leave_is_told(hub, folder):
    hub.tokens, hub.refuse = {TOKEN}, 403

    with pytest.raises(NoAccess, match="403") as caught:
        download.get_model(folder, token="hf_another")

    assert "accept the licence" in caught.value.hint
    assert "hf_another" not in str(caught.value)


def test_the_token_is_sent_and_kept_nowhere(hub, tmp_path, folder, caplog, capfd):
    hub.tokens = {TOKEN}
    caplog.set_level(logging.DEBUG)
    told = []

    download.get_model(folder, token=TOKEN, progress=lambda fraction, message="": told.append(message))

    assert TOKEN in hub.sent
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert kept == []
    assert TOKEN not in caplog.text
    assert TOKEN not in "".join(capfd.readouterr()) + "".join(told)


@pytest.mark.parametrize("token", ["hf_with\nline", "hf_ümlaut", "two words", "hf_\x00"])
def test_a_token_that_cannot_be_one_is_refused_without_being_shown(token):
    with pytest.raises(EngineError) as caught:
        download.token_from({"HF_TOKEN": token})

    assert token not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize(("value", "token"), [(" hf_abc\n", "hf_abc"), ("", None), ("  ", None)])
def test_blanks_round_a_token_are_no_part_of_it(value, token):
    assert download.token_from({"HF_TOKEN": value}) == token


def test_no_network_is_told(hub, folder, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("HF_ENDPOINT", address)

    with pytest.raises(EngineError, match="cannot be reached") as caught:
        download.get_model(folder)

    assert "By hand" in caught.value.hint and "network" in caught.value.hint
    assert not folder.exists()


def test_a_machine_that_shall_not_ask_is_told(hub, folder, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    reset = getattr(sys.modules["huggingface_hub"], "close_session", None)
    if reset is not None:
        reset()  # the session looks when it is made

    with pytest.raises(EngineError) as caught:
        download.get_model(folder)

    monkeypatch.undo()
    if reset is not None:
        reset()
    assert "HF_HUB_OFFLINE" in str(caught.value)


@pytest.mark.parametrize(("status", "says"), [(404, "404"), (429, "busy"), (500, "in trouble"), (503, "in trouble")])
def test_trouble_of_the_hub_is_told(hub, folder, status, says, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    hub.status = status

    with pytest.raises(EngineError, match=says):
        download.get_model(folder)


def test_a_full_disk_is_told_before_anything_is_fetched(hub, folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12, 1_000_000))

    with pytest.raises(SaveError, match="The download needs") as caught:
        download.get_model(folder)

    assert "Free " in caught.value.hint
    assert not any("/resolve/" in path for _, path, _ in hub.asked)
    assert not folder.exists()


def test_a_file_in_place_of_the_folder_is_told(hub, folder):
    folder.parent.mkdir()
    folder.write_text("")

    with pytest.raises(SaveError):
        download.get_model(folder)


@pytest.mark.parametrize("fault", ["a file", "read-only", "full"])
def test_faults_of_this_machine_are_told_before_the_hub_is_asked(hub, folder, fault, monkeypatch):
    if fault == "a file":
        folder.parent.write_text("")
    elif fault == "read-only":
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    else:
        monkeypatch.delenv(download.ENDPOINT)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12, 10**9))

    with pytest.raises(SaveError, match=r"is a file|may not be written to|The download needs 3\.6 GB") as caught:
        download.get_model(folder)

    assert caught.value.hint and not hub.asked


def test_a_hub_without_the_model_is_told(hub, folder):
    del hub.files["model.safetensors"]

    with pytest.raises(EngineError, match=r"has no model\.safetensors"):
        download.get_model(folder)


def test_a_model_that_came_and_is_another_is_told(hub, folder):
    hub.files["config.json"] = b'{"model_type": "sam2"}'

    with pytest.raises(Exception, match="sam2"):
        download.get_model(folder)


def test_without_the_package_the_command_is_named(folder, monkeypatch):
    monkeypatch.setattr(download, "find_spec", lambda name: None)

    with pytest.raises(EngineError, match="huggingface_hub is not installed") as caught:
        download.get_model(folder)

    assert "pip install" in caught.value.hint
