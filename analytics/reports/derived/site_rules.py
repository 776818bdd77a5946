"""The rules of a website that its sessions depend on, and whether they were made with them"""

import hashlib
from collections.abc import Iterable
from uuid import UUID

from analytics.reports.derived.rollup_models import WebsiteRules
from analytics.reports.facts.pages import PageRules
from analytics.reports.facts.session_facts import VERSION, SiteRules
from analytics.reports.facts.sources import host_name
from websites.models import Website
from websites.traffic_filter import ANY_SUBDOMAIN


def rules_of(website: Website) -> SiteRules:
    """Return what the facts of a website's sessions depend on besides their events."""
    hosts = [website.host, *(host.removeprefix(ANY_SUBDOMAIN) for host in website.allowed_hosts)]
    names = {host_name(f"http://{host}/") for host in hosts}
    return SiteRules(PageRules.of(website.page_rules), frozenset(filter(None, names)))


def fingerprint(rules: SiteRules) -> str:
    """Return what differs between two rules, or two versions of how facts are made."""
    pages = rules.page_rules
    texts = (
        *(str(VERSION), str(pages.removes_trailing_slash)),
        *(repr(pages.query_keys), repr(pages.patterns), repr(sorted(rules.own_hosts))),
    )
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def are_applied(website_id: UUID, rules: SiteRules) -> bool:
    """Return whether all sessions of a website are, or are marked to be, made with some rules."""
    stored = WebsiteRules.objects.filter(website_id=website_id, fingerprint=fingerprint(rules))
    return stored.exists()


def store(website_id: UUID, rules: SiteRules) -> None:
    """Store with which rules the sessions of a website are made from now on."""
    WebsiteRules.objects.update_or_create(
        website_id=website_id, defaults={"fingerprint": fingerprint(rules)}
    )


def websites_to_rebuild(websites: Iterable[Website]) -> list[Website]:
    """Return the websites whose sessions were made with other rules than they have."""
    websites = list(websites)
    rules = WebsiteRules.objects.filter(website_id__in=[each.pk for each in websites])
    stored = dict(rules.values_list("website_id", "fingerprint"))
    return [each for each in websites if stored.get(each.pk) != fingerprint(rules_of(each))]
