#!/bin/sh
# Brings Airflow's metadata to this release.
set -eu
airflow db migrate
