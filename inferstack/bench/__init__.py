"""The load generator, the figures of a run, and the judgement of the prediction by them."""
