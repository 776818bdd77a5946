"""What is derived of events, and the rollup that keeps it true"""
