"""Where clients come from: this machine, or one of those whose number of connections is limited."""

from __future__ import annotations

import ipaddress

ONE_CLIENT = 64
"""Bits of an IPv6 address that are one client's: whoever has a connection has all addresses behind them."""


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach ``host``."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def counted_as(address: str) -> str | None:
    """Return under which name the limits for each address count a client; None for this machine's own.

    Parameters
    ----------
    address : str
        Of the client; empty where it came by a socket of the file system.
    """
    known = _address(address)
    if not address or is_loopback(address):
        return None
    if isinstance(known, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((known, ONE_CLIENT), strict=False))
    return address if known is None else str(known)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address; of an IPv4 one that is written as IPv6, the IPv4 one. None for what is none."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
