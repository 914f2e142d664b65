"""Who counts as one client, and who is this machine."""

from __future__ import annotations

import pytest

from napari_sam3_assistant.server.addresses import counted_as, is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_only_programs_of_this_machine_reach_it(host):
    assert is_loopback(host)
    assert counted_as(host) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "example.org", ""])
def test_others_may_reach_it(host):
    assert not is_loopback(host)


def test_all_addresses_of_one_connection_are_one_client():
    first, second = counted_as("2001:db8:0:1::1"), counted_as("2001:db8:0:1:ffff::2")

    assert first == second == "2001:db8:0:1::/64"
    assert counted_as("2001:db8:0:2::1") != first


def test_an_address_is_the_same_in_either_notation():
    assert counted_as("::ffff:192.0.2.1") == counted_as("192.0.2.1") == "192.0.2.1"
    assert counted_as("192.0.2.2") != counted_as("192.0.2.1")


def test_a_client_of_the_file_system_is_of_this_machine():
    assert counted_as("") is None
