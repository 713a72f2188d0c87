"""What Singer plugins that move columns instead of rows have in common.

Modules are imported by name: `errors`, `types`, `batch_files`, `connection` (needs the extra
`postgres`), and for targets `target`, `records`, `metadata`, `facts` and `load_log`.
"""
