"""Training: one loop, the objectives it minimises, and the methods that are built from the two.

A method (`direct`, `meta`, `finetune`) is one file that makes a source of batches and an objective and hands them to
[fit][salin.training.loop.fit]; pretraining uses the same loop. What training does not know: how corpora are read, how
scores are defended, and anything of a target language beyond what it is given.
"""
