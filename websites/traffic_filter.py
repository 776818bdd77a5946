"""Traffic that a website leaves out: of other hosts, of its own networks, of the unwilling."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Self

from django.http import HttpRequest

from config.api.client_address import client_address
from config.api.web_urls import host_of
from websites.domains import canonical_host, without_www

ANY_SUBDOMAIN = "*."
MAPPED_BITS = 96  # before the IPv4 address that is mapped into an IPv6 one
PRIVACY_SIGNALS = ("HTTP_SEC_GPC", "HTTP_DNT")


@dataclass(frozen=True, slots=True)
class TrafficFilter:
    """What the settings of a website leave out; no host allows all of them."""

    honours_privacy_signals: bool
    hosts: tuple[str, ...]
    networks: tuple[str, ...]

    @classmethod
    def of(
        cls, honours_privacy_signals: bool, hosts: Sequence[str], networks: Sequence[str]
    ) -> Self | None:
        """Return the filter of some settings, None if they leave nothing out."""
        if not (honours_privacy_signals or hosts or networks):
            return None
        return cls(honours_privacy_signals, tuple(hosts), tuple(networks))

    def excludes_client(self, request: HttpRequest) -> bool:
        """Return whether nothing that comes in a request counts."""
        if self.honours_privacy_signals and has_privacy_signal(request):
            return True
        return bool(self.networks) and _is_in(client_address(request), self.networks)

    def excludes_address(self, address: str) -> bool:
        """Return whether nothing of an address counts."""
        return bool(self.networks) and _is_in(address, self.networks)

    def excludes_url(self, url: str) -> bool:
        """Return whether the host of a valid URL is none of those that are allowed."""
        return bool(self.hosts) and not _is_allowed(host_of(url) or "", self.hosts)


def has_privacy_signal(request: HttpRequest) -> bool:
    """Return whether a visitor asks by Global Privacy Control, or Do Not Track, to be let alone."""
    return any(request.META.get(name) == "1" for name in PRIVACY_SIGNALS)


def is_host_pattern(text: str) -> bool:
    """Return whether a text is a host, or `*.` and a name."""
    host = text.removeprefix(ANY_SUBDOMAIN)
    if host != text and host.startswith("["):
        return False
    return host_of(f"http://{host}/") == host


def is_network(text: str) -> bool:
    """Return whether a text is an address or a network, without a zone."""
    try:
        _network(text)
    except ValueError:
        return False
    return "%" not in text


def _network(text: str) -> IPv4Network | IPv6Network:
    """Return a network; one of IPv4 that is mapped into IPv6 as clients' addresses are written."""
    network = ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - MAPPED_BITS))


@lru_cache(maxsize=1000)
def _networks(texts: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    return [_network(text) for text in texts]


def _is_in(address: str, networks: tuple[str, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:  # unknown, that of a Unix socket
        return False
    return any(parsed in network for network in _networks(networks))


@lru_cache(maxsize=1000)
def _is_allowed(host: str, patterns: tuple[str, ...]) -> bool:
    names, suffixes = _hosts(patterns)
    canonical = canonical_host(host)
    return without_www(canonical) in names or canonical.endswith(suffixes)


@lru_cache(maxsize=1000)
def _hosts(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return hosts without www., and what names below the others end in, in one spelling."""
    names, suffixes = set(), []
    for pattern in patterns:
        host = canonical_host(pattern.removeprefix(ANY_SUBDOMAIN))
        if pattern.startswith(ANY_SUBDOMAIN):
            suffixes.append(f".{host}")
        else:
            names.add(without_www(host))
    return frozenset(names), tuple(suffixes)
