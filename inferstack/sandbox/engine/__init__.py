"""The engine that answers in a rehearsal: llama.cpp from a wheel, and tiny models made on the spot."""
