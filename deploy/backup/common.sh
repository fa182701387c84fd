# shellcheck shell=bash
# What backup.sh, restore.sh and drill.sh share.

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  exit 1
}

need() {
  command -v "$1" > /dev/null || fail "$1 is not here (Debian: $2)"
}

# query URL STATEMENT: rows, tabs between columns, with settings under which the same value is always the same text.
query() {
  PGOPTIONS='-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex' \
    psql --no-psqlrc --quiet --tuples-only --no-align --field-separator=$'\t' --set=ON_ERROR_STOP=1 --dbname="$1" --command="$2"
}

# Of every table that is ours: `schema.table`, and the schemas that an extension keeps for itself left out.
readonly OUR_TABLES="
  select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition
    and n.nspname !~ '^(pg_|_?timescaledb|toolkit_experimental|information_schema)' order by 1"

# hash_statement TABLE: how many rows, and a sum over the hashes of all of them, in whatever order they come.
hash_statement() {
  printf "select '%s', count(*), coalesce(sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint::numeric), 0) from %s t" "$1" "$1"
}

# hashes URL [SNAPSHOT]: a line for each table.
hashes() {
  local table script='begin isolation level repeatable read, read only;'
  [[ -z ${2:-} ]] || script+=" set transaction snapshot '$2';"
  while IFS= read -r table; do
    script+=" $(hash_statement "$table");"
  done < <(query "$1" "$OUR_TABLES")
  PGOPTIONS='-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex' \
    psql --no-psqlrc --quiet --tuples-only --no-align --field-separator=$'\t' --set=ON_ERROR_STOP=1 --dbname="$1" \
    <<< "$script commit;"
}
