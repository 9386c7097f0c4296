"""placeholder"""
def from_config(config): raise NotImplementedError
