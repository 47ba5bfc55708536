"""Marks for a pile of exercise notebooks: ``python -m d2lmini.grade submissions/*.ipynb``.

Each notebook runs in a fresh process with limits on time and memory, so that one which crashes,
hangs or eats memory costs its own row only. These are limits for accidents, not a security
boundary: a notebook can read what you can read, and can forge its own marks.

``reading`` finds out what was handed in, ``process`` runs it, ``worker`` is what runs there,
``table`` keeps grades.csv, ``report`` writes to students, ``__main__`` is the command.
"""
