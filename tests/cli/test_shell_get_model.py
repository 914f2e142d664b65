"""napari-sam3-assistant get-model: a folder with SAM3 in it, and a token that leaves no trace."""

import sys

import pytest

from napari_sam3_assistant.engines.weights import download
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from tests.engines.weights import small
from tests.engines.weights.hub import TOKEN, Hub, running

getting = pytest.importorskip("napari_sam3_assistant.cli.getting")


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("HF_TOKEN", raising=False)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    for name in ("HF_TOKEN_PATH", "HF_STORED_TOKENS_PATH"):
        monkeypatch.setattr(constants, name, str(tmp_path / "no" / name))
    folder = small.write_sam3(tmp_path / "hub")
    with running(Hub({path.name: path.read_bytes() for path in folder.iterdir()})) as one:
        monkeypatch.setenv("HF_ENDPOINT", one.address)
        yield one


@pytest.fixture
def terminal(monkeypatch):
    """Return a function that sets what the user types when asked for a token."""
    asked = []

    def types(text):
        def answer(prompt):
            asked.append(prompt)
            if isinstance(text, BaseException):
                raise text
            return text

        monkeypatch.setattr(getting, "_can_ask", lambda: True)
        monkeypatch.setattr(getting.getpass, "getpass", answer)
        return asked

    return types


def test_it_fills_a_folder_and_says_what_to_do_next(shell, hub, tmp_path):
    ended = shell("get-model", tmp_path / "sam3")

    assert ended.code == 0
    assert ended.out == f"{tmp_path / 'sam3'}\n"
    assert "serves points, boxes, masks, text" in ended.err
    assert f"--model {tmp_path / 'sam3'}" in ended.err
    assert ModelFolder.inspect(tmp_path / "sam3").ready


def test_without_a_folder_it_goes_to_the_user_s_own(shell, hub, tmp_path):
    ended = shell("get-model")

    assert ended.code == 0
    assert str(tmp_path / "XDG_DATA_HOME") in ended.out


def test_a_whole_folder_needs_no_network(shell, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "get_model", None)
    small.write_sam3(tmp_path / "sam3")

    ended = shell("get-model", tmp_path / "sam3")

    assert ended.code == 0
    assert "nothing to get" in ended.err


def test_meta_s_file_is_converted(shell, tmp_path):
    small.write_meta(tmp_path / "meta")

    ended = shell("get-model", tmp_path / "meta")

    assert ended.code == 0
    assert ended.out == f"{tmp_path / 'meta' / 'sam3-converted'}\n"


def test_a_token_in_the_environment_is_used(shell, hub, tmp_path, monkeypatch):
    hub.tokens = {TOKEN}
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    ended = shell("get-model", tmp_path / "sam3")

    assert ended.code == 0
    assert TOKEN not in ended.out + ended.err


def test_who_has_none_is_asked_once_and_it_is_kept_nowhere(shell, hub, tmp_path, terminal):
    hub.tokens = {TOKEN}
    asked = terminal(TOKEN)

    ended = shell("get-model", tmp_path / "sam3")

    assert ended.code == 0
    assert len(asked) == 1
    assert "licence" in ended.err
    assert TOKEN not in ended.out + ended.err
    assert [one for one in tmp_path.rglob("*") if one.is_file() and TOKEN.encode() in one.read_bytes()] == []


@pytest.mark.parametrize("typed", ["", "hf_wrong", "hf_\x00", EOFError()])
def test_a_wrong_token_fails_and_is_not_shown(shell, hub, tmp_path, terminal, typed):
    hub.tokens = {TOKEN}
    terminal(typed)

    ended = shell("get-model", tmp_path / "sam3")

    assert ended.code == 1
    assert not isinstance(typed, str) or not typed or typed not in ended.err
    assert ended.out == ""


def test_ctrl_c_at_the_question_is_130(shell, hub, tmp_path, terminal):
    hub.tokens = {TOKEN}
    terminal(KeyboardInterrupt())

    assert shell("get-model", tmp_path / "sam3").code == 130


def test_a_program_is_not_asked(shell, hub, tmp_path):
    hub.tokens = {TOKEN}

    ended = shell("get-model", tmp_path / "sam3")

    assert ended.code == 1
    assert "By hand" in ended.err and "HF_TOKEN" in ended.err


def test_a_token_that_would_be_seen_is_not_asked_for(shell, hub, tmp_path, monkeypatch):
    hub.tokens = {TOKEN}
    monkeypatch.setattr(getting, "_can_ask", lambda: True)
    monkeypatch.setattr(getting.getpass, "getpass", getting.getpass.fallback_getpass)
    monkeypatch.setattr(sys, "stdin", None)

    ended = shell("get-model", tmp_path / "sam3")

    assert ended.code == 1
    assert "cannot be asked for here" in ended.err


def test_without_the_package_the_command_is_named(shell, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "find_spec", lambda name: None)

    ended = shell("get-model", tmp_path / "sam3")

    assert ended.code == 1
    assert "pip install huggingface_hub" in ended.err


@pytest.mark.parametrize(("folder", "code"), [("~nobody-of-this-name/x", 1), ("a\0b", 2)])
def test_a_folder_that_cannot_be_is_told(shell, folder, code):
    ended = shell("get-model", folder)

    assert ended.code == code
    assert ended.err
