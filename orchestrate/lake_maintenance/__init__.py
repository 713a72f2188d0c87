"""The nightly upkeep of the lake: asks Athena to compact tables and to remove what expired.

The same on AWS and on the local stack. Needs boto3 and nothing else of this project.
"""
