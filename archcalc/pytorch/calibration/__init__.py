"""`archcalc calibrate`: layers measured on this machine, and the coefficients of a device file fitted to them."""
