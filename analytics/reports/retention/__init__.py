"""Retention: how many visitors come again"""
