"""From a figure in a mart to the rows behind it, without the warehouse's lock.

Law: the models explain, nothing here knows how a figure is made. A mart can be explained when
``dbt_project/models/lineage`` has a ``lineage_`` and a ``proof_`` model for it.
"""
