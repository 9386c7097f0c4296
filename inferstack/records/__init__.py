"""The frozen records that pass between the stages, the errors they end in, and how both are read and written.

The lowest layer: everything imports it, it imports nothing of the project.
"""
