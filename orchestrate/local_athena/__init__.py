"""Amazon Athena and the Glue Data Catalog on this machine, over DuckDB and the lake's catalog."""
