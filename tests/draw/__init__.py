"""Networks drawn over the whole language, and what must hold of each.

* `layers/`: how the keys of each layer are drawn, a file a family; `constructs/`: how a network
  grows, a file a construct; `checks/`: what is checked, a file a check. All are found by their folder.
* `python -m tests.draw --minutes 10` draws fresh networks, shrinks those that fail a check, and
  writes them to `regressions/`, which every check runs on from then on.
"""
