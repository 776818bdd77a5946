"""Browsers and places of visitors, each with its share of them."""

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")

# User-Agent, share in percent, width and height of the screen.
BROWSERS = (
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Safari/537.36",
        *(26, 1920, 1080),
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
        "Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
        *(25, 390, 844),
    ),
    (
        "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Mobile Safari/537.36",
        *(22, 412, 915),
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.6 Safari/605.1.15",
        *(9, 1728, 1117),
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
        *(8, 1536, 864),
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        *(5, 2560, 1440),
    ),
    (
        "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.6 Mobile/15E148 Safari/604.1",
        *(4, 820, 1180),
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
        *(1, 1440, 900),
    ),
)
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


class Place(NamedTuple):
    """Where visitors are; `code` is that of the country."""

    country: str
    code: str
    region: str
    city: str
    timezone: str
    language: str


# With the share in per mille.
PLACES = (
    (Place("United States", "US", "New York", "New York", "America/New_York", "en-US"), 120),
    (Place("United States", "US", "California", "San Jose", "America/Los_Angeles", "en-US"), 110),
    (Place("United States", "US", "Texas", "Austin", "America/Chicago", "en-US"), 60),
    (Place("Germany", "DE", "Berlin", "Berlin", "Europe/Berlin", "de-DE"), 70),
    (Place("Germany", "DE", "Bavaria", "Munich", "Europe/Berlin", "de-DE"), 60),
    (Place("Türkiye", "TR", "Istanbul", "Istanbul", "Europe/Istanbul", "tr-TR"), 110),
    (Place("United Kingdom", "GB", "England", "London", "Europe/London", "en-GB"), 90),
    (Place("France", "FR", "Île-de-France", "Paris", "Europe/Paris", "fr-FR"), 70),
    (Place("Japan", "JP", "Tokyo", "Tokyo", "Asia/Tokyo", "ja-JP"), 55),
    (Place("India", "IN", "Karnataka", "Bengaluru", "Asia/Kolkata", "en-IN"), 55),
    (Place("Brazil", "BR", "São Paulo", "São Paulo", "America/Sao_Paulo", "pt-BR"), 45),
    (Place("Canada", "CA", "Ontario", "Toronto", "America/Toronto", "en-CA"), 30),
    (Place("Netherlands", "NL", "North Holland", "Amsterdam", "Europe/Amsterdam", "nl-NL"), 20),
    (Place("Spain", "ES", "Madrid", "Madrid", "Europe/Madrid", "es-ES"), 20),
    (Place("Italy", "IT", "Lombardy", "Milan", "Europe/Rome", "it-IT"), 18),
    (Place("Australia", "AU", "New South Wales", "Sydney", "Australia/Sydney", "en-AU"), 15),
    (Place("Poland", "PL", "Masovia", "Warsaw", "Europe/Warsaw", "pl-PL"), 12),
    (Place("Mexico", "MX", "Mexico City", "Mexico City", "America/Mexico_City", "es-MX"), 10),
    (Place("Sweden", "SE", "Stockholm", "Stockholm", "Europe/Stockholm", "sv-SE"), 6),
    (Place("Austria", "AT", "Vienna", "Vienna", "Europe/Vienna", "de-AT"), 6),
    (Place("Switzerland", "CH", "Zurich", "Zurich", "Europe/Zurich", "de-CH"), 5),
    (Place("South Korea", "KR", "Seoul", "Seoul", "Asia/Seoul", "ko-KR"), 4),
    (Place("Indonesia", "ID", "Jakarta", "Jakarta", "Asia/Jakarta", "id-ID"), 3),
    (Place("Nigeria", "NG", "Lagos", "Lagos", "Africa/Lagos", "en-NG"), 2),
    (Place("South Africa", "ZA", "Gauteng", "Johannesburg", "Africa/Johannesburg", "en-ZA"), 1),
    (Place("Nepal", "NP", "Bagmati", "Kathmandu", "Asia/Kathmandu", "ne-NP"), 1),
    (Place("New Zealand", "NZ", "Auckland", "Auckland", "Pacific/Auckland", "en-NZ"), 1),
    (Place("Iceland", "IS", "Capital Region", "Reykjavik", "Atlantic/Reykjavik", "is-IS"), 1),
)


def repeated(shares: Iterable[tuple[Item, int]]) -> list[Item]:
    """Return each item as often as its share is: any of them at random has the right chance."""
    return [item for item, share in shares for _ in range(share)]
