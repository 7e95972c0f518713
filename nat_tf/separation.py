"""How far apart classes are in what a network's last layer reads.

Fisher's criterion with a shrunk scatter. Let B be the scatter of the classes'
means, S that of all examples, both divided by the trace of S, and K the number
of classes. The separation is

  (1 / (K - 1) + r) trace((S + r I)^-1 B)

A direction that has the share q of all variance, and of that the part p between
the classes, adds p q / (q + r): one that dominates counts for less than what it
varies, one of next to no variance for nothing. Without r (the Pillai trace) all
directions count the same, however little they vary; with r that grows without
bound the whole is the trace of B by that of S, where one direction can decide.

It is 1 where every class is one point and these are equally far apart from one
another (neural collapse), and less everywhere else. It needs no weights of a
classifier, which in a super network are another architecture's as well.

Source: Fukunaga, Introduction to Statistical Pattern Recognition, 1990, section
10.2 (criteria of separability); Friedman, Regularized Discriminant Analysis,
JASA 84, 1989 (shrinkage); Papyan, Han and Donoho, PNAS 117, 2020 (collapse).
"""

from __future__ import annotations

import tensorflow as tf

# r, a share of all variance. docs/ranking.md has others.
SHRINKAGE = 0.5

# Below this share of the features' size, variance is what rounding leaves.
_ROUNDING = 1e-9


def separation(
  features: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor
) -> tf.Tensor:
  """Returns how far apart the classes are, a float32 scalar from 0 to 1.

  0 where all examples are of one class or have the same features. Chance alone
  gives at most (classes + 1) / (examples - 1) on average, whatever these are.

  Args:
    features: `[batch, features]` float32.
    classes: `[batch, classes]` float32, 1 for the right one, 2 or more classes.
    weights: `[batch]` float32, how much every example counts.
  """
  weights = weights[:, tf.newaxis]
  size = tf.reduce_sum(weights * features**2)
  mean = tf.reduce_sum(weights * features, axis=0) / tf.reduce_sum(weights)
  features -= mean
  total = tf.reduce_sum(weights * features**2)
  varies = total > _ROUNDING * size
  total = tf.where(varies, total, 1.0)
  scatter = tf.matmul(weights * features, features, transpose_a=True) / total
  counts = tf.reduce_sum(weights * classes, axis=0)
  sums = tf.matmul(features, weights * classes, transpose_a=True)
  # B is the product of these with themselves, `[features, classes]`.
  means = tf.math.divide_no_nan(sums, tf.sqrt(counts * total))
  shrunk = scatter + SHRINKAGE * tf.eye(features.shape[1])
  whitened = tf.linalg.triangular_solve(tf.linalg.cholesky(shrunk), means)
  largest = 1.0 / (1.0 / (classes.shape[1] - 1) + SHRINKAGE)
  return tf.where(varies, tf.reduce_sum(whitened**2) / largest, 0.0)
