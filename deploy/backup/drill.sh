#!/usr/bin/env bash
# Whether the newest backup can be restored: into a database that is made for it and removed again, every table held to its hash, and
# the evidence walked from its first row. Run it every week: a backup that nobody restored is a hope.
#
#   DRILL_URL=postgres://admin@scratch-server/postgres drill.sh FOLDER
#
#   BACKUP_KEY_FILE        what backups are encrypted with
#   BACKUP_AGE_MAX_HOURS   26 unless told otherwise: an older newest one is a failure
#   DRILL_CLOUD            how to run smarthydro-cloud; absent: `smarthydro-cloud`
#
# Exit status: 0 when the backup is good. Give it to whoever watches (docs/deploy.md).
set -euo pipefail
source "$(dirname "$0")/common.sh"

folder=${1:-}
[[ -n $folder && -n ${DRILL_URL:-} ]] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 64; }
newest=$(find "$folder" -maxdepth 1 -name 'smarthydro-*.sha256' -printf '%f\n' | sort | tail -n 1)
[[ -n $newest ]] || fail "$folder has no backup"
name=${newest%.sha256}
stamp=${name#smarthydro-}
taken=$(date --utc --date="${stamp:0:8} ${stamp:9:2}:${stamp:11:2}:${stamp:13:2}" +%s)
age=$((($(date +%s) - taken) / 3600))
[[ $age -le ${BACKUP_AGE_MAX_HOURS:-26} ]] || fail "the newest backup, $name, is $age hours old"

scratch=drill_$(date +%s)_$$
query "$DRILL_URL" "create database $scratch" > /dev/null
remove() { query "$DRILL_URL" "drop database if exists $scratch with (force)" > /dev/null; }
trap remove EXIT
# The path of the URL is the database; what comes before and after it stays.
url=$(sed -E "s#^(postgres(ql)?://[^/]*)(/[^?]*)?(.*)\$#\1/$scratch\4#" <<< "$DRILL_URL")

DATABASE_URL=$url "$(dirname "$0")/restore.sh" "$folder/$name"
# Evidence is read without opening any secret: any key will do.
key=${SMARTHYDRO_SECRET_KEY:-$(head -c 32 /dev/zero | base64)}
# Word splitting is meant: it is a command line.
# shellcheck disable=SC2086
DATABASE_URL=$url SMARTHYDRO_SECRET_KEY=$key LOG_LEVEL=error ${DRILL_CLOUD:-smarthydro-cloud} verify-evidence
printf '%s is good\n' "$name"
