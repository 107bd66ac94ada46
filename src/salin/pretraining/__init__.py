"""Pretraining: from plain and parallel text to a tokenizer and a small encoder.

It draws text, masks it and hands it to the training loop. What it does not know: labels, entities and taggers.
"""
