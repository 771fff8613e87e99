"""Recurrent cells, one family per file.

Equations take vectors as columns, as papers do; arrays hold them as rows. So where an
equation has U xₜ and W hₜ₋₁ the code computes `x @ kernel` and `h @ recurrent_kernel`:
U is the transpose of `kernel`, W that of `recurrent_kernel`, and likewise for every
other matrix. Docstrings give the shape of the array.

The gates of a cell stand side by side along the last axis of its kernels and its bias,
in the order that its docstring gives. ∘ is the product of entries, σ the logistic
function.
"""
