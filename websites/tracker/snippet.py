"""The line that a website's pages have in their head"""

from html import escape


def script_line(script_url: str, tracking_code: str) -> str:
    """Return the element that loads the tracking script."""
    source, code = escape(script_url), escape(tracking_code)
    return f'<script async src="{source}" data-tracking-code="{code}"></script>'
