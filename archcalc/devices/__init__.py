"""Devices: what each is able to do at most, from its maker's data sheet. One JSON file a device."""

from archcalc.devices.device import DTYPES, LOCAL, Device, as_written, find, is_file, local_path, names, save

__all__ = ["DTYPES", "LOCAL", "Device", "as_written", "find", "is_file", "local_path", "names", "save"]
