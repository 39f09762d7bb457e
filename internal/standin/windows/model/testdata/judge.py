"""Says what dissect.target, which reads disks for a living, sees on one."""
import json
import logging
import sys

from dissect.target import Target

logging.disable(logging.CRITICAL)
t = Target.open(sys.argv[1])
value = lambda key, name: t.registry.value("HKLM\\" + key, name).value
print(json.dumps({
    "os": t.os,
    "version": t.version,
    "image_state": value(r"SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State", "ImageState"),
    "viostor": value(r"SYSTEM\CurrentControlSet\Services\viostor", "Start"),
    "vioscsi": value(r"SYSTEM\CurrentControlSet\Services\vioscsi", "Start"),
    "unattend": t.fs.path("sysvol/Windows/Panther/unattend.xml").read_bytes().decode("utf-8-sig"),
}))
