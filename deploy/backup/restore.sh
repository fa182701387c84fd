#!/usr/bin/env bash
# Restores a backup into an empty database, and holds every table to the hash that was taken with it.
#
#   DATABASE_URL=postgres://… restore.sh FOLDER/smarthydro-20260115T120000Z
#
#   BACKUP_KEY_FILE   what the backup was encrypted with
#   KEEP_SENDING=yes  leaves declaring on; else it is switched off: a copy that runs beside the original, or instead of it while
#                     gateways went on, would declare again what the original has declared since
#
# Exit status: 0 when all tables are the same.
set -euo pipefail
source "$(dirname "$0")/common.sh"

backup=${1:-}
[[ -n $backup && -n ${DATABASE_URL:-} ]] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 64; }
need pg_restore postgresql-client
[[ -f $backup.sha256 ]] || fail "$backup has no sums: it is no whole backup"
(cd "$(dirname "$backup")" && sha256sum --check --quiet "$(basename "$backup").sha256") \
  || fail 'the backup is not what was written: nothing was restored'
tables=$(query "$DATABASE_URL" "select count(*) from ($OUR_TABLES) t")
[[ $tables == 0 ]] || fail "the database has $tables tables: restore into an empty one"

while IFS= read -r role; do
  [[ $role =~ ^[a-z0-9_]+$ ]] || fail "a role is named \"$role\""
  query "$DATABASE_URL" "do \$\$ begin if not exists (select from pg_roles where rolname = '$role') then create role $role nologin; end if; end \$\$"
done < "$backup.roles"

dump=$backup.dump
if [[ ! -f $dump ]]; then
  [[ -n ${BACKUP_KEY_FILE:-} ]] || fail 'the backup is encrypted: BACKUP_KEY_FILE is needed'
  dump=$(mktemp)
  trap 'rm -f "$dump"' EXIT
  openssl enc -d -aes-256-cbc -pbkdf2 -iter 200000 -pass "file:$BACKUP_KEY_FILE" -in "$backup.dump.enc" -out "$dump" \
    || fail 'the backup does not open with this key: nothing was restored'
fi

timescale=$(pg_restore --list "$dump" | grep -c 'EXTENSION - timescaledb$' || true)
if [[ $timescale -gt 0 ]]; then
  query "$DATABASE_URL" 'create extension if not exists timescaledb; select timescaledb_pre_restore()' > /dev/null
fi
pg_restore --dbname="$DATABASE_URL" --exit-on-error --no-owner --no-privileges --single-transaction "$dump"
if [[ $timescale -gt 0 ]]; then query "$DATABASE_URL" 'select timescaledb_post_restore()' > /dev/null; fi

if difference=$(diff <(sort "$backup.hashes") <(hashes "$DATABASE_URL" | sort)); then
  printf 'all %s tables are as they were\n' "$(wc -l < "$backup.hashes")"
else
  printf '%s\n' "$difference" >&2
  fail 'these tables differ (< the backup, > what was restored)'
fi
if [[ ${KEEP_SENDING:-} != yes ]]; then
  query "$DATABASE_URL" "update compliance_switch set sending = false, reason = 'restored from a backup', changed_at = now()"
  printf 'declaring is switched off: smarthydro-cloud sending on --reason … when you know that no other copy declares\n'
fi
