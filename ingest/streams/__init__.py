"""Messages of a topic as micro-batches: consumed, decoded into Arrow, landed with their positions.

A micro-batch is a load like any other. What is special is its position: a range of offsets per
partition, which the warehouse commits with the rows or not at all.
"""
