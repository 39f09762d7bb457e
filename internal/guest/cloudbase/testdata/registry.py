"""What cloudbase-init defines, as registry.txt has it: one line each of

    option GROUP NAME TYPE [CHOICE,...]
    renamed GROUP NAME FORMER-GROUP FORMER-NAME
    service|plugin|userdata CLASS
    renamed-class CLASS FORMER-CLASS

Options come from its own option registry, classes from its source, since most
plugins import Windows' own modules.
"""
import ast
import pathlib
import re

import cloudbaseinit
from cloudbaseinit import conf
from oslo_config import cfg

CONF = conf.CONF
CONF([], default_config_files=[])

TYPES = {"Boolean": "boolean", "Integer": "integer", "Float": "float", "List": "list", "String": "string"}
# What the program is told on its command line and by nothing else.
OWN = {"config_dir", "config_file", "config_source", "shell_completion"}


def option_lines():
    groups = [("DEFAULT", CONF._opts)] + [(name, g._opts) for name, g in CONF._groups.items()]
    for group, options in groups:
        for info in options.values():
            option = info["opt"]
            if option.dest in OWN:
                continue
            kind, choices = TYPES[type(option.type).__name__], ""
            if kind == "string" and getattr(option.type, "choices", None):
                kind, choices = "choice", " " + ",".join(c for c in option.type.choices if c)
            yield "option %s %s %s%s" % (group, option.dest, kind, choices)
            for former in option.deprecated_opts:
                name = (former.name or option.dest).replace("-", "_")
                yield "renamed %s %s %s %s" % (group, option.dest, former.group or "DEFAULT", name)


ROOTS = {"BaseMetadataService": "service", "BasePlugin": "plugin", "BaseUserDataPlugin": "userdata"}


def class_lines():
    root = pathlib.Path(cloudbaseinit.__file__).parent
    bases, found = {}, []
    for folder in "metadata/services", "plugins":
        for path in sorted((root / folder).rglob("*.py")):
            module = ".".join(("cloudbaseinit",) + path.relative_to(root).with_suffix("").parts)
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    names = {b.attr if isinstance(b, ast.Attribute) else b.id for b in node.bases}
                    bases.setdefault(node.name, set()).update(names)
                    found.append((module, node.name))

    def kinds(name, seen):
        if name in ROOTS:
            return {ROOTS[name]}
        if name in seen:
            return set()
        return set().union(*(kinds(b, seen | {name}) for b in bases.get(name, ())))

    for module, name in found:
        for kind in sorted(kinds(name, set())) if not name.startswith("Base") else ():
            yield "%s %s.%s" % (kind, module, name)
    former = (root / "plugins" / "factory.py").read_text(encoding="utf-8")
    for old, new in re.findall(r"'(cloudbaseinit\.plugins\.\S+)':\s*'(cloudbaseinit\.plugins\.\S+)'", former):
        yield "renamed-class %s %s" % (new, old)


for line in sorted(set(option_lines()) | set(class_lines())):
    print(line)
