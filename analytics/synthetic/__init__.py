"""Made-up traffic of a website: visits as the tracking script sends them.

It fills the demo website, and the databases of tests and measurements.
"""
