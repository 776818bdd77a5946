"""What a made-up website holds: pages, links that lead away, files, and what people do there"""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from analytics.synthetic.clients import repeated

FIRST_PAGES = (
    ("Home", "/"),
    ("Pricing", "/pricing"),
    ("Blog", "/blog"),
    ("Sign up", "/signup"),
    ("Documentation", "/docs"),
    ("Features", "/features"),
    ("Getting started", "/docs/getting-started"),
    ("Shop", "/shop"),
    ("Checkout", "/checkout"),
    ("Customers", "/customers"),
    ("About us", "/about"),
    ("Jobs", "/about/jobs"),
    ("Integrations", "/docs/integrations"),
    ("API reference", "/docs/api"),
    ("Contact", "/contact"),
    ("Changelog", "/changelog"),
)
OPENINGS = ("How to", "Why we", "When to", "Seven ways to", "What it takes to", "How not to")
SUBJECTS = (
    *("measure a launch", "read a funnel", "name events", "find your best page"),
    *("write for search", "win back visitors", "plan a newsletter", "test a headline"),
    *("count without cookies", "speed up a page", "choose a price", "answer support"),
)
PARTNERS = (
    *("https://github.com/", "https://www.linkedin.com/", "https://www.youtube.com/"),
    *("https://apps.apple.com/", "https://play.google.com/", "https://www.postgresql.org/"),
    *("https://www.djangoproject.com/", "https://mastodon.social/", "https://en.wikipedia.org/"),
)
FILES = (
    *("price-list.pdf", "white-paper.pdf", "handbook.pdf", "brand-assets.zip"),
    *("desktop-3.2.dmg", "desktop-3.2.exe", "annual-report.pdf", "sample-data.csv"),
)
TERMS = ("pricing", "api", "export", "cancel", "invoice", "cookies", "webhook", "gdpr", "install")
PRODUCTS = ("mug-blue", "mug-black", "shirt-m", "shirt-l", "sticker-set", "notebook", "cap")
VIDEOS = ("tour", "first-steps", "customer-story", "webinar")
PLANS = ("free", "free", "free", "pro", "pro", "team")
METHODS = ("email", "email", "google", "github")
PRICES = {"free": 0, "pro": 19, "team": 49}

# JSON of the properties, share; elsewhere than on the pages below.
ANYWHERE = repeated(
    (
        ('{{"term":"{term}","results":{number},"name":"search"}}', 30),
        ('{{"sku":"{product}","quantity":1,"name":"add_to_cart"}}', 25),
        ('{{"video":"{video}","name":"video_play"}}', 15),
        ('{{"action":"/search","name":"form_submit"}}', 12),
        ('{{"list":"weekly","name":"newsletter"}}', 10),
    )
)
SIGNUP = ('{{"plan":"{plan}","method":"{method}","name":"signup"}}',)
PURCHASE = ('{{"plan":"{paid}","currency":"EUR","revenue":{price}.5,"name":"purchase"}}',)
ON_PAGES = {
    "/signup": (SIGNUP, 0.45),
    "/pricing": (SIGNUP, 0.12),
    "/checkout": (PURCHASE, 0.4),
    "/shop": (PURCHASE, 0.08),
}
IS_EVENT = 0.1  # of each view of another page


class Page(NamedTuple):
    """A page of a website."""

    title: str
    path: str


def page(number: int) -> Page:
    """Return a page; the lower its number, the more popular."""
    if number < len(FIRST_PAGES):
        return Page(*FIRST_PAGES[number])
    article, opening = divmod(number - len(FIRST_PAGES), len(OPENINGS))
    part, subject = divmod(article, len(SUBJECTS))
    title = f"{OPENINGS[opening]} {SUBJECTS[subject]}" + (f", part {part + 1}" if part else "")
    slug = title.lower().replace(",", "").replace(" ", "-")
    return Page(title, f"/blog/{slug}")


def random_event(random: Random, path: str) -> str | None:
    """Return the properties of an event that a view of a page causes, None for most views."""
    templates, share = ON_PAGES.get(path, (ANYWHERE, IS_EVENT))
    if random.random() > share:
        return None
    paid, number = random.choice(("pro", "pro", "team")), int(100 * random.random() ** 2)
    return random.choice(templates).format(
        number=number,
        term=popular(random, TERMS),
        product=popular(random, PRODUCTS),
        video=popular(random, VIDEOS),
        plan=random.choice(PLANS),
        method=random.choice(METHODS),
        paid=paid,
        price=PRICES[paid],
    )


def popular(random: Random, items: Sequence[str]) -> str:
    """Return a random item, the first ones more often."""
    return items[int(len(items) * random.random() ** 2)]
