"""Dashboards: ``dashboards.yml`` describes them, ``bundle`` makes what Superset imports."""
