"""Questions about a website: ranges and buckets of time, conditions, metrics"""
