"""Amazon SES v2 and SNS on loopback, for development, the demo, tests and benchmarks.

The product talks to it with the same boto3 code as to Amazon; production never starts it.
"""
