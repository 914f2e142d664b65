"""Tokens of servers where the system's keyring fails: one goes on without it, and it is not written to the log."""

from __future__ import annotations

import logging

import keyring
import pytest
from keyring.backend import KeyringBackend

from napari_sam3_assistant.app import tokens

TOKEN = "a-token-nobody-may-see"


class Broken(KeyringBackend):
    """A keyring that is there, and fails at all it is asked; its errors tell what that was."""

    priority = 5

    def get_password(self, service, username):
        raise OSError(f"the keyring cannot be opened for {username}")

    def set_password(self, service, username, password):
        raise RuntimeError(f"cannot keep {password}")

    def delete_password(self, service, username):
        raise KeyError(username)


@pytest.fixture(autouse=True)
def broken(monkeypatch):
    monkeypatch.setattr(tokens, "_told", {})
    monkeypatch.setattr(tokens, "_turns", {})
    before = keyring.get_keyring()
    keyring.set_keyring(Broken())
    yield
    keyring.set_keyring(before)


def test_a_keyring_that_fails_keeps_nothing_and_tells_no_token(caplog):
    caplog.set_level(logging.DEBUG)
    tokens.tell("http://gpu-box:8000", TOKEN)

    assert tokens.keep("http://gpu-box:8000", TOKEN) is False
    tokens.drop("http://gpu-box:8000")
    assert tokens.find("http://gpu-box:8000") == TOKEN  # until napari ends
    assert tokens.find("http://elsewhere:8000") is None
    assert TOKEN not in caplog.text and "RuntimeError" in caplog.text
