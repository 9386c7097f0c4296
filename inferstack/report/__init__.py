"""The report: one self-contained HTML page made of a run's records. Pure: records in, text out."""
