"""Pretraining: from plain and parallel text to a tokenizer and a small language model.

Text is read into a store, drawn by a mixture of objectives and handed to the training loop. What it does not know:
labels, entities and taggers.
"""
