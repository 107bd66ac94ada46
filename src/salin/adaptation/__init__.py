"""Adaptation: at test time, a step towards each sentence on labelled sentences like it, for many sentences at once.

Here are the fast weights that make it cheap, the update rules, the sequential engine that they are compared with, the
`Adapter` that users see, and the published way, whole. What it does not know: how a tagger was trained.
"""
