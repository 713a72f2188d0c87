"""Two weeks of loads into the lake, in simulated time, and what its upkeep makes of them."""
