"""Which addresses a connector may reach: public ones, and the networks its operator named. Values in, values out."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network

NAT64 = ip_network("64:ff9b::/96")
NAT64_LOCAL = ip_network("64:ff9b:1::/48")


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks in CIDR form. Raises ValueError with a sentence that names the one that is none."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(text, strict=False))
        except ValueError as error:
            raise ValueError(f"{text[:64]!r} is no network in CIDR form, such as 10.1.0.0/16.") from error
    return tuple(found)


def may_reach(address: str, allowed: Sequence[Network]) -> bool:
    """Whether an address, as it was resolved, is public or in one of these networks. What is no address is not.

    An IPv6 address that carries an IPv4 one (mapped, 6to4, Teredo, NAT64) is judged by both.
    """
    try:
        plain = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inner(plain)
    judged = (
        [plain]
        if inner is None
        else [inner]
        if isinstance(plain, IPv6Address) and plain.ipv4_mapped
        else [plain, inner]
    )
    return all(_is_public(one) or any(one in network for network in allowed) for one in judged)


def refuse_url(url: str, allowed: Sequence[Network]) -> str:
    """Why a URL may not be asked, before its name is resolved; "" where nothing speaks against it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "it is no URL"
    if parts.scheme not in ("http", "https"):
        return "only http and https are reached"
    if not host or parts.username is not None:
        return "it needs a host, and no user name"
    return "" if not _is_literal(host) or may_reach(host, allowed) else "its address is not public"


def may_be_asked(url: str) -> bool:
    """Whether it is http or https, and says nothing but where."""
    try:
        parts = urlsplit(url)
        told = (parts.hostname, parts.port)
    except ValueError:
        return False
    bare = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in ("http", "https") and bool(told[0]) and bare


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in NAT64 or address in NAT64_LOCAL:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
