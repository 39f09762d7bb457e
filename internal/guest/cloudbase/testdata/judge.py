"""What cloudbase-init itself makes of a conf file: read by its own option registry.

    judge.py FILE...

Prints one JSON object: for each file the options that it does not define, those
whose values it refuses, the values that it reads, and the metadata and plugin
classes that it does not have.
"""
import configparser
import importlib.util
import json
import re
import sys

from cloudbaseinit import conf
from oslo_config import cfg


def missing_class(name):
    """Looked for in the source: most plugins import Windows' own modules."""
    module, _, cls = name.rpartition(".")
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None:
        return "no module " + module
    with open(spec.origin, encoding="utf-8") as source:
        if not re.search(r"^class %s\(" % re.escape(cls), source.read(), re.M):
            return "no class %s in %s" % (cls, module)
    return None


def judge(path):
    parser = configparser.RawConfigParser(default_section="none", strict=True)
    parser.optionxform = str
    with open(path, encoding="ascii") as f:
        parser.read_file(f)
    config = conf.CONF
    config.clear()
    config(args=["--config-file", path], default_config_files=[path])
    answer = {"unknown": [], "invalid": [], "values": {}, "missing": []}
    for group in parser.sections():
        for name in parser.options(group):
            try:
                value = config[name] if group == "DEFAULT" else config[group.lower()][name]  # as oslo.config has it
            except (cfg.NoSuchOptError, cfg.NoSuchGroupError):
                answer["unknown"].append(group + "." + name)
                continue
            except cfg.ConfigFileValueError:
                answer["invalid"].append(group + "." + name)
                continue
            answer["values"][name if group == "DEFAULT" else group + "." + name] = value
    for name in config.metadata_services + config.plugins:
        problem = missing_class(name)
        if problem:
            answer["missing"].append(problem)
    return answer


print(json.dumps({path: judge(path) for path in sys.argv[1:]}))
