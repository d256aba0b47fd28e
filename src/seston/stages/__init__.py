"""One module per rule of the workflow: open, compute on Dask, write. The only orchestration."""
