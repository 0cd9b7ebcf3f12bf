#!/bin/sh
# Runs once, on an empty volume: a database for Airflow's metadata, one for published marts.
set -eu
psql --username postgres --set ON_ERROR_STOP=1 \
  --set airflow="$AIRFLOW_DB_PASSWORD" --set marts="$MARTS_DB_PASSWORD" <<'SQL'
create role airflow login password :'airflow';
create database airflow owner airflow;
create role dvina login createrole password :'marts';  -- it makes the role of readers
create database dvina owner dvina;
SQL
