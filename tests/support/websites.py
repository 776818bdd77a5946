"""Websites of users"""

PATH = "/api/v1/websites"
