"""Run the target with `python -m target_s3`."""

from target_s3.target import main

main()
