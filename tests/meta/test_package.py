"""The environment that these tests are for has Meta's package, and what that asks for."""

from importlib.metadata import requires, version

from packaging.requirements import Requirement


def test_the_package_has_what_it_asks_for():
    asked = [Requirement(text) for text in requires("sam3") or ()]

    needed = [one for one in asked if one.marker is None]

    assert needed
    for one in needed:
        assert one.specifier.contains(version(one.name)), one
