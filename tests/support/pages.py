"""Pages as people read them"""

import re
from html import unescape


def text_of(response):
    """Return the text of a page, without its markup."""
    markup = r"<script.*?</script>|<style.*?</style>|<[^>]+>"
    text = re.sub(markup, " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(text).split())
