"""Import of access logs in the combined format"""

import gzip

import pytest

from tests.support.client_contexts import CHROME
from tests.support.moving import assert_copy_is_whole, brief, contexts, import_files, lines, stored
from tests.support.statistics import DATABASES

pytestmark = pytest.mark.django_db(databases=DATABASES)
FORMAT = '{} - - [{}] "{}" {} 512 "{}" "{}"\n'


def line(
    request="GET / HTTP/1.1",
    address="203.0.113.7",
    time="28/Jan/2026:21:00:00 +0100",
    status=200,
    referrer="-",
    agent=CHROME,
):
    return FORMAT.format(address, time, request, status, referrer, agent)


VIEWS = [
    line("GET /a?b=c HTTP/2.0", referrer="https://news.example/\\x22x"),
    line("GET /a?b=c HTTP/2.0", referrer="https://news.example/\\x22x"),  # twice in a second
    line(address="2001:db8::1", status=304),
    line("GET /b HTTP/1.1", time="28/Jan/2026:20:29:59 +0000"),
    line("GET /c HTTP/1.1", time="28/Jan/2026:21:10:00 +0000"),  # another session
    line("GET /d HTTP/1.1", time="29/Jan/2026:08:00:00 +0000"),  # another day
]
LEFT = [
    line("GET /logo.svg?v=1 HTTP/1.1"),
    line("POST / HTTP/1.1"),
    line(status=404),
    line(agent="Googlebot/2.1 (+http://www.google.com/bot.html)"),
    line("\\x16\\x03\\x01"),
    line(address="198.51.100.9"),
]
BROKEN = [
    '203.0.113.7 - - [28/Jan/2026:21:00:00 +0100] "GET / HTTP/1.1" 200 512\n',
    line(time="31/Feb/2026:21:00:00 +0100"),
    line(time="28/Jan/1999:21:00:00 +0100"),
    line("GET /[\x01 HTTP/1.1"),
    line(time="31/Dec/9999:23:59:59 -0100"),
    line(time="01/Jan/0000:00:00:00 +0100"),
    line(time="28/Jan/2026:99:00:00 +0100"),
]


def test_page_views_are_imported(website, copy, tmp_path):
    website.change(ignored_networks=["198.51.100.0/24"])
    first, second = tmp_path / "access.log.1.gz", tmp_path / "access.log"
    first.write_bytes(gzip.compress("".join([*VIEWS[:3], *LEFT]).encode()))
    second.write_text("".join([*VIEWS[3:], *BROKEN]))
    out, err = import_files(website, first, second, format="access-log")
    assert sorted(lines(out)[4:-1]) == [
        "1 were left out: of bots.",
        "1 were left out: of files that are no pages.",
        "1 were left out: of networks that the settings of the website leave out.",
        "1 were left out: that were not answered with a page.",
        "1 were left out: with another method than GET.",
        "1 were left out: without a request.",
        "7 lines were left out: broken, see below.",
    ]
    assert [text.partition(".log:")[2] for text in lines(err)] == [
        "4: Not in the combined format",
        "5: Invalid time: 31/Feb/2026:21:00:00 +0100",
        "6: Timestamp out of range",
        "7: url: Invalid URL",
        "8: Timestamp out of range",
        "9: Timestamp out of range",
        "10: Invalid time: 28/Jan/2026:99:00:00 +0100",
    ]
    found = sorted(brief("created_at", "url"))
    assert [url.removeprefix("https://example.com") for _, url in found] == [
        *("/", "/a?b=c", "/a?b=c", "/b", "/c", "/d"),
    ]
    assert ('https://news.example/"x',) in brief("referrer")
    visitors = dict(brief("url", "visitor_id"))
    sessions = dict(brief("url", "session_id"))
    assert len(set(visitors.values())) == 3  # of two addresses, one of them on two days
    assert visitors["https://example.com/b"] == visitors["https://example.com/c"]
    assert len(set(sessions.values())) == 4
    assert set(contexts("browser", "is_bot")) == {("Chrome", False)}
    before = stored()
    assert "203.0.113" not in str(before)
    out, _ = import_files(website, first, second, format="access-log")
    assert lines(out)[2:4] == ["0 events were imported.", "6 are there already."]
    assert stored() == before
    assert_copy_is_whole(website, copy, tmp_path)


def test_logs_of_several_hosts_tell_the_host(website, tmp_path):
    file = tmp_path / "access.log"
    texts = [f"{host} {line()}" for host in ("shop.example.com:443", "other.example:80")]
    website.change(allowed_hosts=["*.example.com"])
    file.write_text("".join([*texts, line(address="2001:db8::1", agent="-")]))
    out, _ = import_files(website, file, format="access-log", host="www.example.com")
    assert sorted(brief("url")) == [("https://shop.example.com/",), ("https://www.example.com/",)]
    assert "1 were left out: of hosts that the settings of the website leave out." in out


CLIENTS = [
    # What a line begins with, the host of its page, and whose visitor it is of.
    ("203.0.113.7 -", None, "a"),
    ("::ffff:203.0.113.7 -", None, "a"),
    ("203.0.113.7:51234 -", None, "a"),
    ("203.0.113.7, 10.0.0.1", None, "a"),
    ("203.0.113.7, 10.0.0.2, 10.0.0.1", None, "a"),
    ("shop.example.com:443 203.0.113.7 -", "shop.example.com", "a"),
    ("shop.example.com 203.0.113.7 -", "shop.example.com", "a"),
    ("[2001:db8::1]:443 203.0.113.7 -", "[2001:db8::1]", "a"),
    ("2001:db8::1:443 203.0.113.7 -", "[2001:db8::1]", "a"),
    ("192.0.2.1:443 203.0.113.7 -", "192.0.2.1", "a"),
    ("192.0.2.1 203.0.113.7 -", "192.0.2.1", "a"),
    ("_ 203.0.113.7 -", None, "a"),
    ("- 203.0.113.7 -", None, "a"),
    ("2001:db8::7 -", None, "b"),
    ("[2001:DB8:0::7]:51234 -", None, "b"),
    ("2001:db8::7 - John", None, "b"),
    ("[2001:db8::1]:443 2001:db8::7 -", "[2001:db8::1]", "b"),
    ("shop.example.com:443 client.example.net -", "shop.example.com", "c"),
    ("client.example.net -", None, "c"),
    ("unix: -", None, "d"),
]


def test_visitors_are_those_of_the_clients_whatever_the_line_begins_with(website, tmp_path):
    file = tmp_path / "access.log"
    file.write_text(
        "".join(
            f"{start}{line(f'GET /{n} HTTP/1.1').removeprefix('203.0.113.7 -')}"
            for n, (start, _, _) in enumerate(CLIENTS)
        )
    )
    _, err = import_files(website, file, format="access-log")
    assert err == ""
    found = dict(brief("url", "visitor_id"))
    urls = [f"https://{host or 'example.com'}/{n}" for n, (_, host, _) in enumerate(CLIENTS)]
    assert set(found) == {*urls}
    visitors = {found[url]: client for url, (_, _, client) in zip(urls, CLIENTS, strict=True)}
    assert [visitors[found[url]] for url in urls] == [client for _, _, client in CLIENTS]
    assert len(visitors) == 4


def test_pages_of_requests_of_every_form(website, tmp_path):
    requests = [
        "GET http://example.com/a?b=http://c/ HTTP/1.1",
        "GET HTTPS://somebody@www.example.com:8443 HTTP/1.1",
        "GET http://example.com?q HTTP/1.1",
        "GET http://[2001:db8::1]:80/d HTTP/1.1",
        "GET http://other.example/ HTTP/1.1",  # as of a proxy
        "GET http://example.com/logo.png HTTP/1.1",
        "GET http://example.com:x/ HTTP/1.1",
        "GET ftp://example.com/ HTTP/1.1",
        "CONNECT example.com:443 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "PRI * HTTP/2.0",
        "GET /",
        "-",
        "",
        'GET /\\"e\\" HTTP/1.1',
    ]
    website.change(allowed_hosts=["example.com", "[2001:db8::1]", "shop.example"])
    file = tmp_path / "access.log"
    file.write_text("".join(f"shop.example:80 {line(request)}" for request in requests))
    out, _ = import_files(website, file, format="access-log")
    assert sorted(lines(out)[4:-1]) == [
        "1 were left out: of files that are no pages.",
        "1 were left out: of hosts that the settings of the website leave out.",
        "3 were left out: with another method than GET.",
        "5 were left out: without a request.",
    ]
    assert sorted(url for (url,) in brief("url")) == [
        "https://[2001:db8::1]/d",
        "https://example.com/?q",
        "https://example.com/a?b=http://c/",
        'https://shop.example/"e"',
        "https://www.example.com/",
    ]
