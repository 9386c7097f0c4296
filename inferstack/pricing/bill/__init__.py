"""The bill of a program: which rule a resource falls under, its lines, what is assumed of its use, and its totals."""
