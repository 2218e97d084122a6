"""What training/evaluate.py is made of: photographs with their truth, figures, tables and pictures."""
