"""Stand-ins for the repositories that Debian's Bazel would download.

Bazel's own tools load a few definitions from other repositories. Debian's
Bazel ships without them; nothing here is written in C++, Java, or protocol
buffers, so definitions that merely load are enough.
"""

_CPUS = ["aarch64", "arm", "arm64", "arm64e", "ppc", "s390x", "x86_32", "x86_64"]
_SYSTEMS = ["android", "freebsd", "ios", "linux", "macos", "openbsd", "osx", "windows"]
_RULES = {
    "cc": ["cc_binary", "cc_import", "cc_library", "cc_proto_library", "cc_test", "cc_toolchain", "cc_toolchain_suite", "objc_library"],
    "java": ["java_binary", "java_import", "java_library", "java_proto_library", "java_runtime", "java_toolchain"],
    "proto": ["proto_library"],
}

def _constraints(name, values):
    lines = ["constraint_setting(name = '%s')" % name]
    for value in values:
        lines.append("constraint_value(name = '%s', constraint_setting = ':%s')" % (value, name))
    return "\n".join(["package(default_visibility = ['//visibility:public'])"] + lines)

def _stand_in_impl(repository_ctx):
    repository_ctx.file("WORKSPACE")
    repository_ctx.file("BUILD", "filegroup(name = 'coverage_report_generator', visibility = ['//visibility:public'])")
    repository_ctx.file("cpu/BUILD", _constraints("cpu", _CPUS))
    repository_ctx.file("os/BUILD", _constraints("os", _SYSTEMS))
    for language, rules in _RULES.items():
        repository_ctx.file(language + "/BUILD")
        repository_ctx.file(
            language + "/defs.bzl",
            "\n".join(["%s = native.%s" % (rule, rule) for rule in rules]),
        )

_stand_in = repository_rule(implementation = _stand_in_impl)

def debian_repositories():
    """Defines the stand-ins under Debian's Bazel, and nothing under others.

    Debian's is 4.2.3 but built without a version; a released Bazel has one.
    """
    if not native.bazel_version:
        for name in ["platforms", "remote_coverage_tools", "rules_cc", "rules_java", "rules_proto"]:
            _stand_in(name = name)
