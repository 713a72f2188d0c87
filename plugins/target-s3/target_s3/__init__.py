"""Singer target that appends every version of every row to Iceberg tables on S3."""
