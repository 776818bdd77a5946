"""The settings of the process, as far as they can be valid and still be wrong."""

from ipaddress import IPv4Network, IPv6Network

from django.conf import settings

from analytics.doctor.checks import Finding, check, fail, ok, warn

FEW_CHARACTERS = 16  # random ones of this length repeat themselves less
WIDEST_V4, WIDEST_V6 = 8, 16  # prefix lengths of private networks
FIRST_RUN = "a first run, for this machine"


@check("SECRET_KEY")
def secret_key() -> Finding:
    """Look whether somebody could guess or know the key."""
    key, file = settings.SECRET_KEY, settings.SECRET_KEY_FILE
    advice = "Set it to 50 or more random characters; all sessions and tokens end with that."
    if len(set(key)) < FEW_CHARACTERS or key.startswith("django-insecure-"):
        return fail("is not random", advice)
    if not settings.EMBEDDED and file.exists() and file.read_text() == key:
        return warn(f"is the one that a first run has left in {file}", advice)
    return ok("looks random")


@check("DEBUG")
def debug() -> Finding:
    """Look whether Django shows its insides."""
    if not settings.DEBUG:
        return ok("off")
    tell = warn if settings.EMBEDDED else fail
    return tell("on", "Anybody who causes an error sees code and settings: unset DEBUG.")


@check("ALLOWED_HOSTS")
def allowed_hosts() -> Finding:
    """Look whether any name will do."""
    if "*" not in settings.ALLOWED_HOSTS:
        return ok(", ".join(settings.ALLOWED_HOSTS))
    return warn("any host", "Requests may then say under which name they came: list the names.")


@check("METRICS_TOKEN")
def metrics_token() -> Finding:
    """Look whether a monitoring system may read the metrics."""
    if settings.METRICS_TOKEN or settings.EMBEDDED:
        return ok("set" if settings.METRICS_TOKEN else FIRST_RUN)
    return warn("not set", "Only this host can read /metrics: set it for your monitoring.")


@check("TRUSTED_PROXIES")
def trusted_proxies() -> Finding:
    """Look whose word on client addresses counts."""
    networks = settings.TRUSTED_PROXIES
    told = ", ".join(map(str, networks))
    if any(network.prefixlen == 0 for network in networks):
        return fail(told, "Every client may name its own address: list only your proxies.")
    if any(_is_wide(network) for network in networks):
        return warn(told, "That is more than a private network: list only your proxies.")
    if networks or settings.EMBEDDED:
        return ok(told or FIRST_RUN)
    return warn(
        "none",
        "Behind a proxy all clients count as one and share its rate limits: name the proxy.",
    )


def _is_wide(network: IPv4Network | IPv6Network) -> bool:
    return network.prefixlen < (WIDEST_V4 if network.version == 4 else WIDEST_V6)
