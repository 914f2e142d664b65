"""Pictures named by URL, read so that nobody reaches through this server what only this server can reach.

A name is resolved once, every address that it has must be public, and the connection goes to the address that was
looked at: a name that is answered otherwise the next time leads nowhere else. Redirects and proxies are not followed.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx2

from napari_sam3_assistant import __version__
from napari_sam3_assistant.server.rest.problems import BAD_URL, URL_TIMEOUT, Problem, too_large

DOWNLOAD_S = 10.0
Address = IPv4Address | IPv6Address
_GLOBAL = IPv6Network("2000::/3")
_SIX_TO_FOUR = IPv6Network("2002::/16")
# Not private by their numbers, but in some clouds the host of a virtual machine answers there what only it may know.
_OF_CLOUDS = IPv4Network("192.0.0.0/24"), IPv4Network("168.63.129.16/32")
_log = logging.getLogger(__name__)


def is_public(address: Address) -> bool:
    """Return whether an address is somebody's on the internet, and leads to no other address by its digits."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in one for one in _OF_CLOUDS)
    # Outside 2000::/3 lie mapped, translated (NAT64), local and multicast addresses.
    return address in _GLOBAL and address not in _SIX_TO_FOUR and address.is_global


def is_own(address: Address) -> bool:
    """Return whether an address is one of this machine, where what listens may take requests for its own."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((str(address), 9))  # sends nothing: the system only says from where it would
        except OSError:
            return False
        return ip_address(asking.getsockname()[0]) == address


def is_elsewhere(address: Address) -> bool:
    """Return whether an address may be connected to: one of the internet, and not of this machine."""
    return is_public(address) and not is_own(address)


async def resolved(host: str, port: int) -> list[Address]:
    """Return the addresses of a host, in the order of preference.

    Raises
    ------
    OSError
        If it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(address[0]) for *_, address in found]


class UrlReader:
    """Reads a picture's file from a URL.

    Parameters
    ----------
    most : int
        Largest file, in bytes.
    allowed : callable
        Whether an address may be connected to.
    resolve : callable
        ``await resolve(host, port)``: its addresses.
    seconds : float
        How long all of it may take.
    """

    def __init__(
        self,
        most: int,
        *,
        allowed: Callable[[Address], bool] = is_elsewhere,
        resolve: Callable[[str, int], Awaitable[list[Address]]] = resolved,
        seconds: float = DOWNLOAD_S,
    ) -> None:
        self._most, self._allowed, self._resolve, self._seconds = most, allowed, resolve, seconds

    async def read(self, url: str) -> bytes:
        """Return the bytes of the file at ``url``, of http or https.

        Raises
        ------
        Problem
            If there are none, or more than there may be. What may not be connected to is answered as what is no
            picture, so that nobody learns from the answer what stands behind this server.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._read(httpx2.URL(url))
        except TimeoutError as error:
            raise Problem(408, URL_TIMEOUT) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
            _log.info("A picture could not be read from its URL: %s", type(error).__name__)
            raise Problem(400, BAD_URL) from error

    async def _read(self, url: httpx2.URL) -> bytes:
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await self._resolve(url.host, port)
        if url.userinfo or not addresses or not all(map(self._allowed, addresses)):
            raise Problem(400, BAD_URL)
        request = httpx2.Request(
            "GET",
            url.copy_with(host=str(addresses[0]), fragment=None),
            headers={
                "Host": url.netloc.decode("ascii"),
                "User-Agent": f"napari-sam3-assistant/{__version__}",
                "Accept": "image/*",
                # What unfolds while it is read could be a thousand times as long as what was sent.
                "Accept-Encoding": "identity",
            },
            extensions={"sni_hostname": url.host, "timeout": httpx2.Timeout(self._seconds).as_dict()},
        )
        async with httpx2.AsyncHTTPTransport(trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            try:
                return await self._body(response)
            finally:
                await response.aclose()

    async def _body(self, response: httpx2.Response) -> bytes:
        if response.status_code != 200:
            raise Problem(400, f"Failed to download image from URL. Status code: {response.status_code}")
        length = response.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._most:
            raise too_large(int(length), self._most)
        data = bytearray()
        async for chunk in response.aiter_raw():
            data += chunk
            if len(data) > self._most:
                raise too_large(len(data), self._most)
        return bytes(data)
