"""Devices: what each is able to do at most, from its maker's data sheet. One JSON file a device."""

from archcalc.devices.device import Device, find, local_path, names, save

__all__ = ["Device", "find", "local_path", "names", "save"]
