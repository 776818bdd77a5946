"""`make script`: make tracker.min.js, and its Brotli, of tracker.js.

Both are committed, so that a server needs neither tool; a test holds them against the source.
"""

import re

from websites.tracker.script import BROTLI, MINIFIED, SOURCE


def minify(source: str) -> str:
    """Return the script without comments and spaces, with short names.

    One `let` for many functions takes fewer bytes than a `const` for each.
    """
    from minify import string

    minified: str = string("application/javascript", re.sub(r"\bconst ", "let ", source))
    return minified


def main() -> None:
    """Write both files."""
    import brotli

    MINIFIED.write_text(minify(SOURCE.read_text()))
    BROTLI.write_bytes(brotli.compress(MINIFIED.read_bytes(), quality=11))


if __name__ == "__main__":
    main()
