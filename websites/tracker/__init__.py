"""The tracking script for the pages of websites, and how it is served."""
