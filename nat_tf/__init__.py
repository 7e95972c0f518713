"""nat_tf: the Neural Architecture Transformer in TensorFlow."""
