"""Pages as people read them"""

import re
from collections.abc import Iterable
from html import unescape
from urllib.parse import parse_qs, urlsplit


def text_of(response):
    """Return the text of a page, without its markup."""
    markup = r"<script.*?</script>|<style.*?</style>|<[^>]+>"
    text = re.sub(markup, " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(text).split())


def one_of_each(links: Iterable[str]) -> list[str]:
    """Return a link of each path and set of parameters."""
    kinds = {(urlsplit(link).path, *parse_qs(urlsplit(link).query)): link for link in links}
    return sorted(kinds.values())
