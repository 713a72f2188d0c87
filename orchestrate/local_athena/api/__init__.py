"""What clients speak to: HTTP, signatures, and the operations of Athena, Glue and STS."""
