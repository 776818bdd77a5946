"""Sums of sessions and sealed days, by SQL"""
