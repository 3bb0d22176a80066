"""The most memory that this process has held at any time: on the accelerator if it computes there, else resident."""

import re
import resource
from pathlib import Path

import jax

_KIB = 1024


def peak_bytes() -> int:
    """Peak of the device with the highest one; on a CPU the peak resident size of the process."""
    stats = [device.memory_stats() for device in jax.local_devices() if device.platform != "cpu"]
    peaks = [each["peak_bytes_in_use"] for each in stats if each]
    return max(peaks) if peaks else _resident()


def _resident() -> int:
    # VmHWM belongs to this program alone; ru_maxrss may still count the parent process that started it
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        found = None
    return _KIB * (int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
