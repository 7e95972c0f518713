#!/usr/bin/env bash
# Prints a Python for which TensorFlow 2.15 exists, or says how to get one.
set -euo pipefail

versions=(3.11 3.10 3.9)
# Debian's Python cannot make environments without a package of its own.
probe='
import sys
if (3, 9) <= sys.version_info[:2] <= (3, 11):
  try:
    import ensurepip, venv
    print("usable")
  except ImportError:
    print("%d.%d" % sys.version_info[:2])
'

candidates() {
  local version
  if [[ -n "${NAT_TF_PYTHON:-}" ]]; then
    echo "$NAT_TF_PYTHON"
    return
  fi
  for version in "${versions[@]}"; do
    command -v "python$version" || true
  done
  command -v python3 || true
  # The names that pyenv puts on PATH work only for versions switched on.
  for version in "${versions[@]}"; do
    ls -d "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$version".*/bin/python3 \
      2>/dev/null || true
  done
}

advice="nat_tf needs Python 3.9, 3.10, or 3.11: install one (apt-get install \
python3.11-venv, pyenv install 3.11, or uv python install 3.11) and, if it is \
not on PATH, set NAT_TF_PYTHON to it"
if [[ -n "${NAT_TF_PYTHON:-}" ]]; then
  advice="NAT_TF_PYTHON=$NAT_TF_PYTHON is not a working Python 3.9, 3.10, or 3.11"
fi
while read -r python; do
  answer="$("$python" -I -c "$probe" 2>/dev/null </dev/null || true)"
  case "$answer" in
    usable)
      echo "$python"
      exit
      ;;
    3.*)
      advice="$python cannot make environments: install its venv module \
(on Debian: apt-get install python$answer-venv)"
      ;;
  esac
done < <(candidates)
echo "$advice" >&2
exit 1
