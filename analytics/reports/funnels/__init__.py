"""Funnels: how many take some steps one after the other"""
