"""The address that a request comes from, as far as it tells one sender from another."""

from ipaddress import IPv6Address, ip_address, ip_network

HOST_NETWORK_BITS = 64


def network_of(address: str) -> str:
    """The address, or the network that an IPv6 host has for itself; "" where it is none."""
    try:
        told = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(told, IPv6Address) and told.ipv4_mapped is None:
        return str(ip_network((told, HOST_NETWORK_BITS), strict=False))
    return str(told.ipv4_mapped if isinstance(told, IPv6Address) and told.ipv4_mapped else told)
