#!/usr/bin/env bash
# Whether a deployment works, end to end: every service says that it is well, the API describes itself and lets nobody in, and a
# reading that a gateway sends comes out of the API. `--logs` shows what the services logged last.
#
# Without more it asks the deployment of deploy/compose.yaml on this machine. Another is told by the environment:
#   SMOKE_HOST=127.0.0.1   where the ports 8001 to 8005 are, or COLLECTOR_URL, COMPLIANCE_URL, PROCESSOR_URL, API_URL, ANALYTICS_URL
#   SMOKE_CLOUD            how to run smarthydro-cloud with the deployment's settings
#   SMOKE_LOGS             how to show its logs
#
# Exit status: 0 when all is well, 1 when something is not.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
compose="docker compose -f $here/compose.yaml"
host=${SMOKE_HOST:-127.0.0.1}
cloud=${SMOKE_CLOUD:-$compose exec -T collector smarthydro-cloud}
logs=${SMOKE_LOGS:-$compose logs --tail 40}
# Within compose's network the API has a name of its own.
default_api=http://$host:8004
[[ -n ${SMOKE_CLOUD:-} ]] || inner_api=http://api:8004

declare -A url=(
  [collector]=${COLLECTOR_URL:-http://$host:8001}
  [compliance]=${COMPLIANCE_URL:-http://$host:8002}
  [processor]=${PROCESSOR_URL:-http://$host:8003}
  [api]=${API_URL:-$default_api}
  [analytics]=${ANALYTICS_URL:-http://$host:8005}
)
failures=0

usage() {
  sed -n '2,11s/^# \{0,1\}//p' "$0"
}

show_logs=false
case ${1:-} in
  '') ;;
  --logs) show_logs=true ;;
  --help) usage; exit 0 ;;
  *) usage >&2; exit 64 ;;
esac

# check WHAT COMMAND…: runs it; what it wrote is shown when it fails.
check() {
  local what=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf 'ok      %s\n' "$what"
  else
    printf 'failed  %s\n' "$what"
    [[ -z $output ]] || printf '%s\n' "$output" | sed 's/^/        /'
    failures=$((failures + 1))
  fi
}

# get URL: the answer's body; fails where the status is none of 2xx.
get() {
  curl --silent --show-error --fail-with-body --max-time 15 "$@"
}

answers() {
  local status
  status=$(curl --silent --output /dev/null --max-time 15 --write-out '%{http_code}' "${@:2}") || return 1
  [[ $status == "$1" ]] || { echo "answered $status, and not $1"; return 1; }
}

contains() {
  local text
  text=$(get "$2") || { echo "$text"; return 1; }
  [[ $text == *"$1"* ]] || { echo "says nothing of $1: ${text:0:200}"; return 1; }
}

for service in collector processor compliance analytics api; do
  check "$service is healthy" contains '"status":"healthy"' "${url[$service]}/health"
  check "$service counts" contains '# TYPE' "${url[$service]}/metrics"
done
check 'the API describes itself' contains '"openapi":"3.1' "${url[api]}/openapi.json"
check 'the web application is there' contains '<!doctype html>' "${url[api]}/"
check 'nobody is let in without a token' answers 401 "${url[api]}/api/v1/points"
check 'nobody collects without a token' answers 401 --request POST "${url[collector]}/collect/twin"
check 'nobody declares without a token' answers 401 --request POST "${url[compliance]}/send-pending-data"

# Word splitting is meant: it is a command line.
# shellcheck disable=SC2086
if $cloud smoke --api "${inner_api:-${url[api]}}"; then :; else failures=$((failures + 1)); fi

if [[ $show_logs == true ]]; then
  printf '\n'
  # shellcheck disable=SC2086
  $logs
fi

if [[ $failures -gt 0 ]]; then
  printf '\n%d failed%s\n' "$failures" "$([[ $show_logs == true ]] || printf '; with --logs you see what the services say')"
  exit 1
fi
printf '\nall is well\n'
