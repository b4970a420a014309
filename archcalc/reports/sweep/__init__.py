"""Reports of `archcalc sweep` and `archcalc fit`: one file per form."""
