"""The page of accuracy: its tables, its pictures, its prose."""
