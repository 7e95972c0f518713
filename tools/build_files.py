"""Writes BUILD of nat_tf, tests and benchmarks from the modules' imports.

  python3 tools/build_files.py          writes them
  python3 tools/build_files.py --check  exits with 1 where they are stale

So every module has one target, whose deps are exactly what it imports.
"""

from __future__ import annotations

import ast
import pathlib
import sys

_ROOT = pathlib.Path(__file__).resolve().parent.parent

# Tests that need longer than a minute on two cores: Bazel's names for it.
_SIZES = {
  'algorithm_test': 'large',
  'bad_input_test': 'large',
  'commands_test': 'enormous',
  'export_test': 'large',
  'exporting_test': 'large',
  'faults_test': 'enormous',
  'distribution_test': 'large',
  'final_network_test': 'large',
  'multi_worker_test': 'large',
  'network_commands_test': 'large',
  'policy_study_test': 'large',
  'report_page_test': 'large',
  'serving_test': 'large',
  'study_commands_test': 'large',
  'supernet_test': 'large',
  'tensorboard_test': 'large',
  'training_test': 'large',
  'zoo_journey_test': 'large',
}
_DEFAULT_SIZE = 'medium'

# Modules that a test or a benchmark runs without importing them.
_RUNS = {
  'bad_input_test': {
    'algorithm',
    'compare',
    'comparison_report',
    'control',
    'describe',
    'draw',
    'export',
    'exporting',
    'learning_log',
    'part_latency',
    'policy_study',
    'prepare',
    'random_transformation',
    'ranking',
    'ranking_report',
    'ranking_study',
    'search',
    'tabular',
    'tabular_report',
    'train',
    'trained',
    'transform',
  },
  'commands_test': {'search', 'transform'},
  'compare_command_test': {'compare'},
  'export_test': {'export', 'train'},
  'faults_test': {'compare', 'search', 'train'},
  'forked_commands': {'command'},
  'killing': {'search'},
  'preemption_test': {'checkpoint_directory', 'checkpoints', 'stopping'},
  'image_folder_test': {'prepare'},
  'network_commands_test': {
    'control',
    'describe',
    'draw',
    'search',
    'transform',
  },
  'report_page_test': {'search', 'train', 'transform'},
  'report_test': {'chart', 'inline_drawing', 'report', 'report_curves'},
  'multi_worker_test': {'search'},
  'study_commands_test': {'ranking', 'search', 'tabular'},
  'tensorboard_test': {'search'},
  'benchmarks/supernet': {'search'},
}

# Files that a test reads.
_DATA = {
  'commands_test': [
    '//flags:search_cifar10.flags',
    '//flags:search_nasbench201.flags',
    '//flags:smoke.flags',
  ],
  'train_config_test': [
    '//flags:train_cifar10.flags',
    '//flags:train_cifar10_hand_made.flags',
    '//flags:train_imagenet.flags',
    '//flags:train_imagenet_hand_made.flags',
  ],
  'bad_input': ['//:docs/reliability.md'],
  # It loads whatever the documents call.
  'documents_test': [
    '//:documents',
    '//benchmarks:sources',
    '//flags',
    '//nat_tf:sources',
    '//tests:sources',
  ],
  'hostile_files_test': ['//nat_tf:sources'],
  'serving_document_test': ['//:docs/serving.md'],
  'zoo_document_test': ['//:docs/zoo.md'],
  'bazelw_test': [
    '//:bazelw',
    '//tools:bazel',
    '//tools/python:find_python.sh',
  ],
}

# For the tests that read them all.
_SOURCES = 'filegroup(\n    name = "sources",\n    srcs = glob(["*.py"]),\n)'


def _imports(path: pathlib.Path) -> set[str]:
  """Returns the nat_tf modules that a file imports."""
  found = set()
  for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
    if isinstance(node, ast.ImportFrom) and node.module:
      if node.module == 'nat_tf':
        found |= {alias.name for alias in node.names}
      elif node.module.startswith('nat_tf.'):
        found.add(node.module.split('.')[1])
  return found


def _is_binary(path: pathlib.Path) -> bool:
  return "if __name__ == '__main__':" in path.read_text(encoding='utf-8')


def _rule(kind: str, name: str, **attributes: object) -> str:
  lines = [f'{kind}(', f'    name = "{name}",']
  for key, value in attributes.items():
    if isinstance(value, list):
      if len(value) == 1:
        lines.append(f'    {key} = ["{value[0]}"],')
      elif value:
        items = ''.join(f'        "{item}",\n' for item in value)
        lines.append(f'    {key} = [\n{items}    ],')
    elif value is not None:
      lines.append(f'    {key} = "{value}",')
  return '\n'.join([*lines, ')'])


def library_build() -> str:
  """Returns the text of nat_tf/BUILD."""
  rules = [
    'package(default_visibility = ["//visibility:public"])',
    _SOURCES,
  ]
  for path in sorted((_ROOT / 'nat_tf').glob('*.py')):
    if path.stem == '__init__':
      continue
    rules.append(
      _rule(
        'py_binary' if _is_binary(path) else 'py_library',
        path.stem,
        srcs=[path.name],
        deps=[f':{name}' for name in sorted(_imports(path))],
      )
    )
  return '\n\n'.join(rules) + '\n'


def _siblings(path: pathlib.Path, folder: str) -> set[str]:
  """Returns the modules of another folder that a file imports."""
  return {
    alias.name
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
    if isinstance(node, ast.ImportFrom) and node.module == folder
    for alias in node.names
  }


def tests_build() -> str:
  """Returns the text of tests/BUILD."""
  rules = ['package(default_visibility = ["//benchmarks:__pkg__"])', _SOURCES]
  for path in sorted((_ROOT / 'tests').glob('*.py')):
    is_test = path.stem.endswith('_test')
    deps = [f'//benchmarks:{name}' for name in _siblings(path, 'benchmarks')]
    deps += [f'//tools:{name}' for name in sorted(_siblings(path, 'tools'))]
    deps += [f':{name}' for name in sorted(_siblings(path, 'tests'))]
    modules = _imports(path) | _RUNS.get(path.stem, set())
    deps += [f'//nat_tf:{name}' for name in sorted(modules)]
    rules.append(
      _rule(
        'py_test' if is_test else 'py_library',
        path.stem,
        size=_SIZES.get(path.stem, _DEFAULT_SIZE) if is_test else None,
        srcs=[path.name],
        data=_DATA.get(path.stem, []),
        deps=deps,
      )
    )
  return '\n\n'.join(rules) + '\n'


def benchmarks_build() -> str:
  """Returns the text of benchmarks/BUILD."""
  rules = ['package(default_visibility = ["//tests:__pkg__"])', _SOURCES]
  for path in sorted((_ROOT / 'benchmarks').glob('*.py')):
    if path.stem == '__init__':
      continue
    modules = _imports(path) | _RUNS.get(f'benchmarks/{path.stem}', set())
    deps = [f':{name}' for name in sorted(_siblings(path, 'benchmarks'))]
    deps += [f'//nat_tf:{name}' for name in sorted(modules)]
    deps += [f'//tests:{name}' for name in sorted(_siblings(path, 'tests'))]
    rules.append(
      _rule(
        'py_binary' if _is_binary(path) else 'py_library',
        path.stem,
        srcs=[path.name],
        deps=deps,
      )
    )
  return '\n\n'.join(rules) + '\n'


def main(argv: list[str]) -> int:
  """Writes or checks the files."""
  stale = []
  texts = {
    'nat_tf': library_build(),
    'tests': tests_build(),
    'benchmarks': benchmarks_build(),
  }
  for folder, text in texts.items():
    path = _ROOT / folder / 'BUILD'
    if not path.exists() or path.read_text(encoding='utf-8') != text:
      stale.append(f'{folder}/BUILD')
      if '--check' not in argv:
        path.write_text(text, encoding='utf-8')
  if stale and '--check' in argv:
    print(
      f'{" and ".join(stale)} not up to date; run python3 tools/build_files.py'
    )
    return 1
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv))
