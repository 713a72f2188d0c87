"""A simulated trackman-backend: a schema, golf that obeys physics, and a steady trickle."""
