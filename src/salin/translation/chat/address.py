"""The address of a server and the key for it, checked before anything is sent; no message ever repeats the key."""

from __future__ import annotations

import ipaddress
import re

import httpx

from salin.errors import SettingError

_KEY = re.compile(r"[!-~]{1,4096}")


def check_address(base: str) -> httpx.URL:
    """The address of an API, to which `/chat/completions` is added.

    Args:
        base: Such as `http://127.0.0.1:8000/v1`.

    Raises:
        SettingError: When it is no web address, or holds a password.
    """
    try:
        url = httpx.URL(base.rstrip("/"))
    except httpx.InvalidURL as error:
        raise SettingError(f"the translator's address cannot be read: {error}") from None
    if url.userinfo:
        raise SettingError("the translator's address holds a name or a password. Keys go into the environment alone")
    if url.scheme not in ("http", "https") or not url.host:
        raise SettingError(f"{base!r} is no address of a server. Write openai:http://HOST:PORT/v1?model=NAME")
    if url.fragment:
        raise SettingError(f"{base!r}: what stands behind # is no part of a server's address")
    return url


def check_key(key: str, url: httpx.URL) -> str:
    """The key, if it may be sent to this address.

    Args:
        key: As the environment gives it; empty where there is none.
        url: The server.

    Raises:
        SettingError: When it cannot stand in a header, or anybody on the way could read it.
    """
    key = key.strip()
    if not key:
        return ""
    if not _KEY.fullmatch(key):
        raise SettingError("the key holds characters that no key has (a line break?). Set it again")
    if url.scheme == "http" and not is_loopback(url):
        raise SettingError(
            f"the key would go to {url.host} unencrypted. Name an https: address, reach the server through a tunnel to "
            "127.0.0.1, or unset the key if it needs none"
        )
    return key


def is_loopback(url: httpx.URL) -> bool:
    """Whether the server is this machine."""
    if url.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False
