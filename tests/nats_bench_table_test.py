"""Tests of nat_tf.nats_bench_table and of nat_tf.table_source."""

from __future__ import annotations

import itertools
import sys
import types
from unittest import mock

from absl.testing import absltest
import numpy as np

from nat_tf import accuracy_table
from nat_tf import enumeration
from nat_tf import nasbench201
from nat_tf import nats_bench_table
from nat_tf import spaces
from nat_tf import table_source

_NAMES = (
  'avg_pool_3x3',
  'nor_conv_1x1',
  'nor_conv_3x3',
  'none',
  'skip_connect',
)


class _Api:
  """What the package's object answers, as its source has it."""

  def __init__(self):
    self._cells = [
      f'|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|'
      for a, b, c, d, e, f in itertools.product(_NAMES, repeat=6)
    ]

  def __len__(self):
    return len(self._cells)

  def arch(self, index):
    return self._cells[index]

  def get_more_info(self, index, dataset, iepoch=None, hp='12', is_random=True):
    assert (iepoch, hp, is_random) == (None, '12', False)
    # Only this name has a validation part in the package.
    assert dataset in ('cifar10-valid', 'cifar100')
    shift = {'cifar10-valid': 1, 'cifar100': 2}[dataset]
    return {
      'train-accuracy': 99.0,
      'valid-accuracy': index / 200 + shift,
      'test-accuracy': index / 400,
    }


class _FakePackage(types.ModuleType):
  def __init__(self):
    super().__init__('nats_bench')
    self.calls = []

  def create(self, path, search_space, fast_mode=False, verbose=True):
    self.calls.append((path, search_space, fast_mode, verbose))
    if 'broken' in path:
      raise ValueError('no such pickle')
    return _Api()


class NatsBenchTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.package = _FakePackage()
    self.enter_context(
      mock.patch.dict(sys.modules, {'nats_bench': self.package})
    )

  def test_reads_accuracies(self):
    path = self.create_tempfile('NATS-tss.pickle.pbz2').full_path
    for dataset, shift in (('cifar10', 1), ('cifar100', 2)):
      table = table_source.read(path, dataset)
      self.assertEqual(table.dataset, dataset)
      cell = nasbench201.from_text(_Api().arch(1234))
      encoding = spaces.NASBENCH201.encode(cell)
      code = enumeration.code(encoding, spaces.NASBENCH201)
      np.testing.assert_allclose(table.valid[code], 0.0617 + shift / 100)
      np.testing.assert_allclose(table.test[code], 0.03085)

  def test_files_and_directories_are_opened_as_the_package_wants(self):
    folder = self.create_tempdir('NATS-tss-simple').full_path
    file = self.create_tempfile('NATS-tss.pickle.pbz2').full_path
    nats_bench_table.read(folder, 'cifar10')
    nats_bench_table.read(file, 'cifar10')
    self.assertEqual(
      self.package.calls,
      [(folder, 'tss', True, False), (file, 'tss', False, False)],
    )

  def _refused(self, words, *arguments):
    with self.assertRaisesRegex(accuracy_table.TableError, words) as caught:
      table_source.read(*arguments)
    self.assertNotIn('\n', str(caught.exception))

  def test_a_data_set_must_be_chosen(self):
    path = self.create_tempfile('a.pbz2').full_path
    words = 'is missing; for a file of nats_bench give one of cifar10, cifar100'
    self._refused(words, path)
    self._refused("is 'mnist'; for a file", path, 'mnist')

  def test_what_the_package_cannot_read_is_refused(self):
    path = self.create_tempfile('broken.pbz2').full_path
    self._refused(f'cannot read {path}: no such pickle', path, 'cifar10')

  def test_a_missing_file_is_refused(self):
    self._refused('there is no table /nowhere/a', '/nowhere/a', 'cifar10')

  def test_without_the_package_its_files_are_refused(self):
    path = self.create_tempfile('a.pbz2').full_path
    with mock.patch.dict(sys.modules, {'nats_bench': None}):
      self._refused('is no .csv file; .* install that package', path, 'cifar10')

  def test_a_csv_file_does_not_reach_the_package(self):
    path = self.create_tempfile('a.CSV', content='x').full_path
    self._refused('row 1: the header must name', path)
    self.assertEmpty(self.package.calls)


if __name__ == '__main__':
  absltest.main()
