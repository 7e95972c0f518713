import os
import pathlib
import subprocess

from absl.testing import absltest
from absl.testing import parameterized

_ROOT = pathlib.Path(__file__).parent.parent
_COMMANDS = ('bash', 'cat', 'dirname', 'env', 'ls', 'tail')


def _write_executable(path: pathlib.Path, text: str) -> None:
  path.write_text(f'#!/usr/bin/env bash\n{text}\n')
  path.chmod(0o755)


def _fake_bazel(version: str) -> str:
  """Returns a Bazel that knows its version and shows its arguments."""
  return (
    f'if [[ "$1" == --version ]]; then echo "bazel {version}"\n'
    'else echo "ran:" "$@"; fi'
  )


class BazelwTest(parameterized.TestCase):
  """Runs bazelw in a workspace of its own with nothing but fakes on PATH."""

  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir().full_path)
    self.bin = self.root / 'bin'
    self.bin.mkdir()
    for name in ('bazelw', 'tools/bazel', 'tools/python/find_python.sh'):
      (self.root / name).parent.mkdir(parents=True, exist_ok=True)
      _write_executable(self.root / name, (_ROOT / name).read_text())
    for name in _COMMANDS:
      command = next(
        pathlib.Path(folder, name)
        for folder in ('/usr/bin', '/bin', *os.get_exec_path())
        if pathlib.Path(folder, name).exists()
      )
      (self.bin / name).symlink_to(command)
    _write_executable(self.bin / 'python3.11', 'echo usable')

  def run_bazelw(self, *arguments, **environment):
    return subprocess.run(
      [self.root / 'bazelw', *arguments],
      cwd=self.root,
      env={'PATH': str(self.bin), 'HOME': str(self.root), **environment},
      capture_output=True,
      text=True,
      timeout=60,
    )

  def test_says_how_it_was_called(self):
    _write_executable(
      self.bin / 'bazel',
      'if [[ "$1" == --version ]]; then echo "bazel 7.4.0"\n'
      'else echo "$NAT_TF_BAZELW"; fi',
    )
    result = self.run_bazelw('run', '//nat_tf:search')
    self.assertEqual(result.stdout, f'{self.root}/bazelw\n', result.stderr)

  @parameterized.parameters('6.5.0', '7.4.0')
  def test_adds_nothing_to_an_ordinary_bazel(self, version):
    _write_executable(self.bin / 'bazel', _fake_bazel(version))
    result = self.run_bazelw('run', '//nat_tf:search', '--', '--seed=7')
    self.assertEqual(
      result.stdout, 'ran: run //nat_tf:search -- --seed=7\n', result.stderr
    )

  @parameterized.parameters('4.2.3', 'no_version')
  def test_gives_debians_bazel_its_own_options(self, version):
    _write_executable(self.bin / 'bazel', _fake_bazel(version))
    result = self.run_bazelw('test', '//...')
    self.assertEqual(
      result.stdout,
      'ran: --noworkspace_rc'
      f' --bazelrc={self.root}/tools/debian/bazelrc test //...\n',
      result.stderr,
    )

  @parameterized.parameters(
    ('no_version', '--noworkspace_rc --bazelrc={}/tools/debian/bazelrc '),
    ('7.4.0', ''),
  )
  def test_options_are_added_once_under_a_launcher(self, version, options):
    _write_executable(self.root / 'real', _fake_bazel(version))
    _write_executable(
      self.bin / 'bazel',
      f'BAZEL_REAL={self.root}/real exec {self.root}/tools/bazel "$@"',
    )
    result = self.run_bazelw('test', '//...')
    self.assertEqual(
      result.stdout,
      f'ran: {options.format(self.root)}test //...\n',
      result.stderr,
    )

  def test_takes_bazelisk_where_there_is_no_bazel(self):
    _write_executable(self.bin / 'bazelisk', _fake_bazel('7.4.0'))
    self.assertEqual(self.run_bazelw('info').stdout, 'ran: info\n')

  def test_hook_on_path_is_not_taken_for_bazel(self):
    path = f'{self.root}/tools:{self.bin}'
    _write_executable(self.bin / 'bazel', _fake_bazel('7.4.0'))
    self.assertEqual(self.run_bazelw('info', PATH=path).stdout, 'ran: info\n')

  def test_installs_bazel_with_apt(self):
    _write_executable(
      self.bin / 'sudo', 'shift; if [[ "$1" != true ]]; then exec "$@"; fi'
    )
    fake = self.root / 'fake'
    _write_executable(fake, _fake_bazel('no_version'))
    _write_executable(
      self.bin / 'apt-get',
      f'if [[ "$*" == *" install "*bazel-bootstrap* ]]; then'
      f' ln -s {fake} {self.bin}/bazel; fi',
    )
    (self.bin / 'ln').symlink_to('/bin/ln')
    result = self.run_bazelw('info')
    self.assertStartsWith(result.stdout, 'ran: --noworkspace_rc')
    self.assertLen(result.stderr.splitlines(), 1)
    self.assertIn('apt-get', result.stderr)

  def test_says_in_one_line_how_to_get_bazel(self):
    result = self.run_bazelw('info')
    self.assertEqual(result.returncode, 1)
    self.assertLen(result.stderr.splitlines(), 1)
    self.assertIn('no Bazel found; install bazelisk', result.stderr)

  def test_says_in_one_line_how_to_get_python(self):
    (self.bin / 'python3.11').unlink()
    _write_executable(self.bin / 'bazel', _fake_bazel('7.4.0'))
    result = self.run_bazelw('info')
    self.assertEqual(result.returncode, 1)
    self.assertEmpty(result.stdout)
    self.assertLen(result.stderr.splitlines(), 1)
    self.assertIn('nat_tf needs Python 3.9, 3.10, or 3.11', result.stderr)

  def test_says_in_one_line_what_debians_python_lacks(self):
    _write_executable(self.bin / 'python3.11', 'echo 3.11')
    _write_executable(self.bin / 'bazel', _fake_bazel('7.4.0'))
    result = self.run_bazelw('info')
    self.assertEqual(result.returncode, 1)
    self.assertLen(result.stderr.splitlines(), 1)
    self.assertIn('apt-get install python3.11-venv', result.stderr)


if __name__ == '__main__':
  absltest.main()
