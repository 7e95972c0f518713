"""How far apart classes are in what a network's last layer reads.

Fisher's criterion with a shrunk scatter. Let B be the scatter of the classes'
means, each as often as it has examples, S that of all examples, both divided by
the trace of S, and K the number of classes. The separation is

  (1 / (K - 1) + r) trace((S + r I)^-1 B)

A direction that has the share q of all variance, and of that the part p between
the classes, adds p q / (q + r): one that dominates counts for less than what it
varies, one of next to no variance for nothing. Without r (the Pillai trace) all
directions count the same, however little they vary; with r that grows without
bound the whole is the trace of B by that of S, where one direction can decide.

It is 1 where every class is one point and these vary alike in K - 1 directions:
with equally many examples of every class, where they are equally far apart
(neural collapse). It is never more. Classes that a batch lacks lower it. It
needs no weights of a classifier, which in a super network are another
architecture's as well.

Chance alone, labels without any meaning, gives on average

  (K - 1) / (examples - 1) (1 / (K - 1) + r) trace((S + r I)^-1 S)

which is at most (K - 1 + 1 / r) / (examples - 1), and less where few directions
vary.

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

  0 where all examples are of one class or have the same features.

  Args:
    features: `[batch, features]` float32.
    classes: `[batch, classes]` float32, 1 for the right one.
    weights: `[batch]` float32, how much every example counts.
  """
  weights = weights[:, tf.newaxis]
  size = tf.reduce_sum(weights * features**2)
  mean = tf.reduce_sum(weights * features, axis=0) / tf.reduce_sum(weights)
  features -= mean
  total = tf.reduce_sum(weights * features**2)
  varies = total > _ROUNDING * size
  # S is the product of these rows with themselves, B that of their classes'.
  rows = tf.sqrt(weights) * features / tf.sqrt(tf.where(varies, total, 1.0))
  rows = tf.where(varies, rows, 0.0)
  counts = tf.reduce_sum(weights * classes, axis=0)
  members = tf.math.divide_no_nan(tf.sqrt(weights) * classes, tf.sqrt(counts))
  smallest = 1.0 / max(1, classes.shape[1] - 1)
  return (smallest + SHRINKAGE) * _between(rows, members)


def _between(rows: tf.Tensor, members: tf.Tensor) -> tf.Tensor:
  """Returns the trace of (S + r I)^-1 B, a scalar.

  Args:
    rows: `[batch, features]`, S is their product.
    members: `[batch, classes]`, orthonormal but for classes of no example.
  """
  examples, features = rows.shape
  if features <= examples:
    means = tf.matmul(rows, members, transpose_a=True)
    scatter = tf.matmul(rows, rows, transpose_a=True)
    return tf.reduce_sum(_whitened(means, scatter) ** 2)
  # The same by as many dimensions as there are examples (Woodbury).
  products = tf.matmul(rows, rows, transpose_b=True)
  within = SHRINKAGE * tf.reduce_sum(_whitened(members, products) ** 2)
  return tf.reduce_sum(members**2) - within


def _whitened(columns: tf.Tensor, scatter: tf.Tensor) -> tf.Tensor:
  """Returns the columns, where the shrunk scatter has become I.

  Args:
    columns: `[size, columns]`.
    scatter: `[size, size]`.
  """
  shrunk = scatter + SHRINKAGE * tf.eye(scatter.shape[0])
  return tf.linalg.triangular_solve(tf.linalg.cholesky(shrunk), columns)
