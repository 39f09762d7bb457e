"""Reads a hive with regipy, its transaction logs replayed when some are given.

usage: judge.py HIVE [LOG1 [LOG2]]; prints a JSON object of "path!name": value.
"""
import json
import logging
import sys

from regipy.recovery import apply_transaction_logs
from regipy.registry import RegistryHive

logging.disable(logging.CRITICAL)
hive, logs = sys.argv[1], sys.argv[2:]
if logs:
    hive, _ = apply_transaction_logs(hive, logs[0], logs[1] if len(logs) > 1 else None)
values = {}
for entry in RegistryHive(hive).recurse_subkeys(as_json=True):
    for v in entry.values or []:
        name = v["name"] if isinstance(v, dict) else v.name
        value = v["value"] if isinstance(v, dict) else v.value
        values[entry.path + "!" + name] = value
print(json.dumps(values, default=str))
