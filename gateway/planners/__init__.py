"""What makes a plan of a person's words: each item of this shelf in one file, and `base` is what they have in common."""
