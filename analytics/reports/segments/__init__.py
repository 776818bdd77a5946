"""Segments: filters under a name"""
