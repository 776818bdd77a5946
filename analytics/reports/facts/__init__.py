"""Facts of sessions: what the events of a visitor make"""
