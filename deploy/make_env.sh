#!/bin/sh
# Prints .env.example with a fresh random secret in place of every "change-me".
#   umask 077 && deploy/make_env.sh > .env
set -eu
cd "$(dirname "$0")/.."
while IFS= read -r line; do
  case $line in
    *=change-me-fernet) echo "${line%%=*}=$(openssl rand -base64 32 | tr '+/' '-_')" ;;
    *=change-me-kafka) echo "${line%%=*}=$(openssl rand -base64 16 | tr '+/' '-_' | tr -d '=' | sed 's/^-/A/')" ;;
    *=change-me) echo "${line%%=*}=$(openssl rand -hex 24)" ;;
    *) echo "$line" ;;
  esac
done < .env.example
