"""Shares of websites"""

from websites.new_share import issue_share


def token_of_share(website, name="Agency"):
    """Make a share, and return its token."""
    return issue_share(website, name=name).token
