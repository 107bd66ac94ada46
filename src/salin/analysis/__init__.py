"""Analysis: what data, runs and models look like from inside, beyond a score: figures, and a plot of them.

Each analysis is a file, or a few that import each other alone; other packages give all that they share. None of them
makes a tagger, prints, or says which system is better: what pruning has left is trained again, by the one loop, only to
be scored; and what a difference between systems is worth is for
[compare][salin.evaluation.comparison.compare] to test.
"""
