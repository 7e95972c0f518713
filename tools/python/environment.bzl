"""A Python environment made from a lock file, as Bazel's Python toolchain."""

_BUILD = """
load("@bazel_tools//tools/python:toolchain.bzl", "py_runtime_pair")

py_runtime(
    name = "runtime",
    interpreter_path = "{python}",
    python_version = "PY3",
    stub_shebang = "#!{python}",
)

py_runtime_pair(
    name = "runtime_pair",
    py3_runtime = ":runtime",
)

toolchain(
    name = "toolchain",
    toolchain = ":runtime_pair",
    toolchain_type = "@bazel_tools//tools/python:toolchain_type",
)
"""

def _run(ctx, arguments):
    """Returns what a command prints, or fails with it."""

    # An hour, because a slow network may have gigabytes to bring.
    result = ctx.execute(arguments, timeout = 3600)
    if result.return_code:
        fail((result.stderr or result.stdout).strip())
    return result.stdout.strip()

def _python_environment_impl(ctx):
    extra = ctx.os.environ.get("NAT_TF_EXTRA", "")
    if extra not in ["", "cuda"]:
        fail("NAT_TF_EXTRA=%s is unknown; use cuda, or leave it unset." % extra)
    lock = ctx.path(ctx.attr.cuda_lock if extra else ctx.attr.lock)
    build_lock = ctx.path(ctx.attr.build_lock)
    base = _run(ctx, ["bash", ctx.path(ctx.attr.find_python)])

    # Bazel does not look into the environment. The lock is therefore part of
    # its path, and with that of everything that runs: a test passed under
    # another lock is not taken for passed.
    environment = ctx.path("environment_%d" % hash(ctx.read(lock) + ctx.read(build_lock)))
    ctx.report_progress("making the Python environment (about 3 minutes)")
    _run(ctx, [base, "-I", "-m", "venv", environment])
    python = str(environment) + "/bin/python"
    install = [python, "-I", "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--requirement"]

    # What builds packages is locked too, hence installed first.
    _run(ctx, install + [build_lock])
    _run(ctx, install + [lock, "--no-build-isolation"])
    ctx.file("BUILD", _BUILD.format(python = python))

python_environment = repository_rule(
    implementation = _python_environment_impl,
    attrs = {
        "build_lock": attr.label(mandatory = True),
        "cuda_lock": attr.label(mandatory = True),
        "find_python": attr.label(default = "//tools/python:find_python.sh"),
        "lock": attr.label(mandatory = True),
    },
    doc = "Installs a lock file and registers the result as a Python toolchain.",
    environ = ["NAT_TF_EXTRA", "NAT_TF_PYTHON"],
)
