#!/bin/sh
# Brings Airflow's metadata to this release and makes the pool of those who open the warehouse.
set -eu
airflow db migrate
airflow pools set warehouse 1 "Tasks that open the warehouse file: one at a time"
