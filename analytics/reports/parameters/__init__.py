"""Parameters of requests, and the questions that they ask"""
