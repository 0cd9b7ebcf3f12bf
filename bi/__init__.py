"""What reads the published data: sample queries and the dashboards of Superset.

Nothing here imports another room, or opens any file but the published ones.
"""
