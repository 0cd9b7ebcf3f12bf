"""Exits 0 when a part of the installation says of itself that it is well; for health checks."""

import json
import sys
import urllib.request

PART = sys.argv[1]
STREAM = "http://127.0.0.1:9109/health"
AIRFLOW = "http://airflow-api-server:8080/api/v2/monitor/health"

with urllib.request.urlopen(STREAM if PART == "stream" else AIRFLOW, timeout=8) as answer:
    body = answer.read()
if PART != "stream" and json.loads(body)[PART]["status"] != "healthy":
    sys.exit(f"{PART} is not healthy: {body.decode()}")
