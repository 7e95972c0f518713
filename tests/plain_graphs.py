"""Lets TensorFlow run graphs as they were traced, for tests that trace many.

To rewrite a graph takes longer than to run it a few times. What a rewritten one
computes is tested by the commands, which know nothing of this.
"""

from __future__ import annotations

import tensorflow as tf


def use():
  """Rewrites no graph any more that this process traces."""
  tf.config.optimizer.set_experimental_options({'disable_meta_optimizer': True})
