"""What the loop of training/fit.py is made of."""
