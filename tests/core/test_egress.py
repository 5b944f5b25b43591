"""Which addresses may be reached: a table, and that nothing private slips through in another spelling."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.egress import may_reach, parse_networks, refuse_url

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"]
PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255",
    "224.0.0.1", "198.18.0.1", "192.0.2.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:0a00:0001::1",
    "2001:db8::1", "64:ff9b:1::7f00:1", "not an address", "", "127.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert may_reach(address, ())


@pytest.mark.parametrize("address", PRIVATE)
def test_nothing_else_may(address: str) -> None:
    assert not may_reach(address, ())


def test_a_network_that_the_operator_named_may_be_reached_and_no_other() -> None:
    networks = parse_networks(["10.1.0.0/16", "127.0.0.1", "fd00::/8"])
    assert all(may_reach(one, networks) for one in ("10.1.2.3", "127.0.0.1", "fd00::1", "::ffff:10.1.2.3"))
    assert not any(may_reach(one, networks) for one in ("10.2.0.1", "127.0.0.2", "fe80::1"))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_inside_ipv6(address: object) -> None:
    inside = f"::ffff:{address}"
    assert may_reach(inside, ()) == may_reach(str(address), ())
    if not ip_address(str(address)).is_global:
        assert not may_reach(f"64:ff9b::{address}", ())


@pytest.mark.parametrize(
    "url", ["https://api.example/x", "http://8.8.8.8/", "http://[2606:4700::1]:8080/", "http://127.1/"]
)
def test_a_url_without_fault_is_left_to_the_resolver(url: str) -> None:
    assert refuse_url(url, ()) == ""


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/",
        "//x",
        "x",
        "http://",
        "http://u:p@x/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[x/",
        "http://x:99999/",
    ],
)
def test_a_url_with_a_fault_says_which(url: str) -> None:
    assert refuse_url(url, ())


@given(st.text(max_size=60))
def test_no_text_makes_a_defect(text: str) -> None:
    refuse_url(text, ())
    refuse_url(f"http://{text}/", ())
    may_reach(text, ())


@pytest.mark.parametrize("text", ["10.0.0.0/40", "localhost", "", "10.0.0.0/x"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="no network"):
        parse_networks([text])
