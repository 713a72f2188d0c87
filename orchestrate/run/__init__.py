"""`make run`: the whole main job, from the local stack to the run report."""
