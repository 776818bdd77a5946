"""Annotations: notes at days or instants"""
