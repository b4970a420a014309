"""What files of weights hold, in every form it can be written: one file for each."""
