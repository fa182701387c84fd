#!/usr/bin/env bash
# Whether the cloud is there at all, asked from a machine that does not go down with it. It says something only when that changes: once when
# something is wrong, once when all is well again. Run it every minute by cron or a timer, on another machine, at another provider.
#
#   API_URL=https://agua.example.cl TELL='mail -s SmartHydro you@example.cl' dead-man.sh STATE_FILE
#
#   API_URL         where the API is; its /health is asked
#   PROMETHEUS_URL  if it can be reached: alerts of severity page that fire, and that Watchdog does
#   BACKUPS         a folder of deploy/backup: its newest must not be older than BACKUP_AGE_MAX_HOURS (26)
#   TELL            a command that is given the message on its input
#   PATIENCE        so many failures in a row before anybody is told; 3 unless told otherwise
#
# Exit status: 0 when all is well, 1 when something is not, 2 when nobody could be told.
set -uo pipefail

state_file=${1:-}
[[ -n $state_file && -n ${API_URL:-} && -n ${TELL:-} ]] || { sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 64; }
patience=${PATIENCE:-3}
wrong=()

get() { curl --silent --show-error --fail --max-time 20 "$1" 2>&1; }

if answer=$(get "$API_URL/health"); then
  [[ $answer == *'"status":"healthy"'* ]] || wrong+=("the API is not well: ${answer:0:200}")
else
  wrong+=("the API does not answer: ${answer:0:200}")
fi
if [[ -n ${PROMETHEUS_URL:-} ]]; then
  if answer=$(get "$PROMETHEUS_URL/api/v1/alerts"); then
    [[ $answer == *'"alertname":"Watchdog"'* ]] || wrong+=('Prometheus evaluates no rules: Watchdog does not fire')
    # Each alert is one object without objects of the same kind within.
    while IFS= read -r name; do wrong+=("alert $name"); done < <(
      grep -oE '\{"labels":\{[^}]*\}[^{]*\{[^}]*\},"state":"firing"' <<< "$answer" \
        | grep '"severity":"page"' | grep -oE '"alertname":"[^"]*"' | cut -d'"' -f4 | sort -u
    )
  else
    wrong+=("Prometheus does not answer: ${answer:0:200}")
  fi
fi
if [[ -n ${BACKUPS:-} ]]; then
  hours=${BACKUP_AGE_MAX_HOURS:-26}
  [[ -n $(find "$BACKUPS" -maxdepth 1 -name 'smarthydro-*.sha256' -mmin "-$((hours * 60))" -print -quit 2> /dev/null) ]] \
    || wrong+=("$BACKUPS has no backup of the last $hours hours")
fi

# The state: how many failures in a row, and whether somebody was told.
read -r failures told 2> /dev/null < "$state_file" || { failures=0; told=no; }
[[ $failures =~ ^[0-9]+$ ]] || failures=0
keep() { printf '%s %s\n' "$1" "$2" > "$state_file.new" && mv "$state_file.new" "$state_file"; }
# Word splitting is meant: it is a command line.
# shellcheck disable=SC2086
tell() { printf '%s\n' "$@" | $TELL; }

if [[ ${#wrong[@]} -eq 0 ]]; then
  if [[ $told == yes ]]; then
    tell "SmartHydro is well again." || { keep 0 yes; exit 2; }
  fi
  keep 0 no
  exit 0
fi
failures=$((failures + 1))
if [[ $failures -ge $patience && $told != yes ]]; then
  if tell "SmartHydro needs somebody:" "${wrong[@]}"; then told=yes; else keep "$failures" no; exit 2; fi
fi
keep "$failures" "$told"
exit 1
