"""Marks for a pile of exercise notebooks: ``python -m d2lmini.grade submissions/*.ipynb``.

Each notebook runs in a fresh process with limits on time and memory, so that one which crashes,
hangs or eats memory costs its own row only. That process hands over answers, calls functions and
knows neither cases nor marks; its judge, in a process of its own, believes nothing that comes from
there. These are limits for accidents, not a security boundary: a notebook can read and change what
you can.

``reading`` finds out what was handed in, ``cases`` reads a teacher's cases, ``process`` starts a
judge, ``judging`` is what runs there: ``link`` is its line to the student's process, ``near`` what
stands for the answers, ``family`` what the notebook has started. ``worker`` runs the notebook,
``far`` hands over its answers, ``wire`` is what they say to each other. ``table`` keeps grades.csv,
``report`` writes to students, ``__main__`` is the command.
"""
