"""What people ask of a house, and what has to come of it: a gold set for whatever plans and carries out intents.

`house/` is eleven small backends over HTTP, with documents as vendors write them; `cases/` are intents with the exact state
that each has to lead to, what has to be asked, told or approved on the way, and what must not happen; `judge.py` runs them and
counts. A good quarter of the cases (`held_*.json`) is held out: whoever writes or tunes a planner runs them, and looks at the
counts alone. `python -m benchmarks.intents oracle` prints the tables for a runner; `runner.py` is where another is added.
`said.json` was written once there was one, before it was mended: what it gets wrong there is what it was mended for.
No figure of it says anything about people's own words beyond these cases, which were made up.
"""
