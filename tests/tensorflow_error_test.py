"""Tests of nat_tf.tensorflow_error."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized
import tensorflow as tf

from nat_tf import tensorflow_error


class ReasonTest(parameterized.TestCase):
  @parameterized.parameters(
    (
      '{{function_node __wrapped__SaveV2}} /w/ckpt-5_temp/part-0.tempstate30; '
      'No space left on device [Op:SaveV2]',
      'No space left on device',
    ),
    (
      '/e/events.v2; File too large\n\tFailed to flush 11 events',
      'File too large',
    ),
    ('Checksum does not match', 'Checksum does not match'),
    ('', 'UnknownError'),
  )
  def test_is_what_the_system_says(self, message, expected):
    error = tf.errors.UnknownError(None, None, message)
    self.assertEqual(tensorflow_error.reason(error), expected)

  def test_of_a_file_that_is_not_there(self):
    with self.assertRaises(tf.errors.NotFoundError) as caught:
      tf.io.read_file('/none')
    self.assertEqual(
      tensorflow_error.reason(caught.exception), 'No such file or directory'
    )


if __name__ == '__main__':
  absltest.main()
