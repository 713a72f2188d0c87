"""When and where the pipeline runs: jobs, schedules, the local stack, deployment, monitoring."""
