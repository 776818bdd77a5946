"""Pages of the admin's lists"""

PAGE_SIZE = 50


def listed_ids(response):
    """Return the ids of the rows on a page."""
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def assert_paged(client, path, made):
    """Check that two pages show rows, made in this order, once: forth and back."""
    newest_first = made[::-1]
    first = client.get(path)
    assert listed_ids(first) == newest_first[:PAGE_SIZE]
    second = client.get(path + first.context["cl"].older_link)
    assert listed_ids(second) == newest_first[PAGE_SIZE:]
    assert (
        listed_ids(client.get(path + second.context["cl"].newer_link)) == newest_first[:PAGE_SIZE]
    )


def html_of(client, path, query=None):
    response = client.get(path, query)
    assert response.status_code == 200
    return response.content.decode()
