"""Databases, tables, views and partitions, as the Glue Data Catalog has them."""
