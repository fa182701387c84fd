#!/usr/bin/env bash
# Backs up the cloud's database: a dump, and beside it a hash of every table as of the same instant, so that a restored copy can be
# held to it.
#
#   DATABASE_URL=postgres://… backup.sh FOLDER
#
#   BACKUP_KEY_FILE   encrypts the dump with what is in this file (AES-256); keep it elsewhere than the backups
#   BACKUP_KEEP_DAYS  removes backups that are older; absent: none
#
# SMARTHYDRO_SECRET_KEY is not in it, and without that key nothing can be declared from it: keep it apart.
set -euo pipefail
source "$(dirname "$0")/common.sh"

folder=${1:-}
[[ -n $folder && -n ${DATABASE_URL:-} ]] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 64; }
need pg_dump postgresql-client
umask 077
mkdir -p "$folder"
# Named by the second: one that is there is never written over.
name=smarthydro-$(date --utc +%Y%m%dT%H%M%SZ)
while compgen -G "$folder/$name.*" > /dev/null; do
  sleep 1
  name=smarthydro-$(date --utc +%Y%m%dT%H%M%SZ)
done
work=$(mktemp --directory "$folder/.$name.XXXXXX")
snapshot_pid=
finish() {
  [[ -z $snapshot_pid ]] || kill "$snapshot_pid" 2> /dev/null || true
  rm -rf "$work"
}
trap finish EXIT

# A transaction stays open for as long as both read: so they see the same rows.
coproc snapshot { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$DATABASE_URL"; }
# shellcheck disable=SC2154
printf '%s\n' "set idle_in_transaction_session_timeout = 0; begin isolation level repeatable read, read only; select pg_export_snapshot();" >&"${snapshot[1]}"
# shellcheck disable=SC2154
IFS= read -r -t 60 id <&"${snapshot[0]}" || fail 'the database does not answer'

hashes "$DATABASE_URL" "$id" > "$work/$name.hashes"
query "$DATABASE_URL" "select rolname from pg_roles where rolname like 'smarthydro\_%' order by 1" > "$work/$name.roles"
if [[ -n ${BACKUP_KEY_FILE:-} ]]; then
  need openssl openssl
  pg_dump --dbname="$DATABASE_URL" --snapshot="$id" --format=custom --no-owner --no-privileges \
    | openssl enc -aes-256-cbc -pbkdf2 -iter 200000 -salt -pass "file:$BACKUP_KEY_FILE" -out "$work/$name.dump.enc"
else
  pg_dump --dbname="$DATABASE_URL" --snapshot="$id" --format=custom --no-owner --no-privileges --file="$work/$name.dump"
fi
(cd "$work" && sha256sum "$name".* > "$name.sha256")

# Whole or not at all: the sums come last, and a backup without them is none.
for file in "$work/$name".{dump*,hashes,roles} "$work/$name.sha256"; do
  sync "$file"
  mv "$file" "$folder/"
done
sync "$folder"
if [[ ${BACKUP_KEEP_DAYS:-} =~ ^[1-9][0-9]*$ ]]; then
  find "$folder" -maxdepth 1 -name 'smarthydro-*' -type f -mtime "+$BACKUP_KEEP_DAYS" -delete
fi
printf '%s: %s rows of %s tables\n' "$folder/$name" \
  "$(awk -F'\t' '{ sum += $2 } END { printf "%.0f", sum }' "$folder/$name.hashes")" "$(wc -l < "$folder/$name.hashes")"
