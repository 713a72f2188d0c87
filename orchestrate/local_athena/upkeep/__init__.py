"""What keeps Iceberg tables small and quick: Athena's `OPTIMIZE` and `VACUUM`, truly executed."""
