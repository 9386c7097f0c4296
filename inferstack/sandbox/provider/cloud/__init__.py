"""The way to the embedded AWS: who may be called, the clients, what their calls take and what their errors mean."""
