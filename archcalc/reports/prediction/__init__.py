"""What `archcalc predict` found, one file for each form."""
