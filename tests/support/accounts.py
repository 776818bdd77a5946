"""Accounts of tests"""

PASSWORD = "SecurePass123"
