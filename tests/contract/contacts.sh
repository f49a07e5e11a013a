#!/usr/bin/env bash
# Runs the examples of docs/contacts-api.md as they are printed, then asks the contacts and deals API everything that its own
# description allows and much that it does not: no 5xx, no status, body, header or content type that is not described, and nothing
# taken that the description refuses.
#
# Starts `local` with its simulators and demo company on a free port and ends it again. Needs:
#   SCHEMATHESIS   schemathesis 4 (default: the one in PATH)
#   EXAMPLES       cases per operation and round (default 60)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

schemathesis=$(command -v "${SCHEMATHESIS:-schemathesis}")
work=$(mktemp -d)
. tests/contract/local.sh
finish() {
  stop_local
  rm -rf "$work"
}
trap finish EXIT
start_local

echo "--- the examples of docs/contacts-api.md"
{
  echo 'set -euo pipefail'
  # The blocks that are meant for a shell, with the address of this run.
  sed -n '/^```sh$/,/^```$/{/^```/d;p}' docs/contacts-api.md | sed "s#http://127.0.0.1:3000#$BASE_URL#"
} >"$work/examples.sh"
bash "$work/examples.sh" >"$work/examples.out" || { cat "$work/examples.out"; echo "an example does not work as printed"; exit 1; }
[ "$(grep -o '"requestId"' "$work/examples.out" | wc -l)" -ge 15 ] || { cat "$work/examples.out"; echo "examples are missing"; exit 1; }
contacts() { curl -fsS "$BASE_URL/v2/contacts" -H "x-api-key: $key"; }
key=$(curl -fsS "$BASE_URL/sim/api-key")
contacts | grep -q '"Ada E. Example"' || { contacts; echo "the examples' contact is not there"; exit 1; }
# What the simulated Pipedrive's page of records shows.
curl -fsS "$BASE_URL/sim/pipedrive/records.json" | grep -q 'Ada E. Example' || { echo "the contact is not on the record page"; exit 1; }

ask() { # a file of fixed parameters, then further options
  local config=$1
  shift
  # From the temporary folder, since it leaves its notes where it runs.
  cd "$work"
  "$schemathesis" --config-file "$config" run "$BASE_URL/v2/openapi.json" --url "$BASE_URL" -H "x-api-key: $key" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance \
    --checks response_schema_conformance,negative_data_rejection \
    --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-60}" --seed 1 --generation-database none \
    --continue-on-failure --request-timeout 30 --workers 1 --no-color --warnings off "$@"
  cd - >/dev/null
}

echo "--- ids as they come, wrong ones included"
: >"$work/any.toml"
ask "$work/any.toml"

echo "--- ids that exist"
contact=$(contacts | grep -oE '"id":"[0-9]+"' | head -n 1 | grep -oE '[0-9]+')
deal=$(curl -fsS "$BASE_URL/v2/deals" -H "x-api-key: $key" | grep -oE '"id":"[0-9]+"' | head -n 1 | grep -oE '[0-9]+')
list=$(curl -fsS "$BASE_URL/v2/segmentation-lists" -H "x-api-key: $key" -d '{"name":"Contract"}' | grep -oE 'sl_[0-9a-v]{16}')
cat >"$work/known.toml" <<TOML
[parameters]
"path.contact" = "$contact"
"path.deal" = "$deal"
"path.list" = "$list"
"path.pipeline" = "1"
TOML
ask "$work/known.toml" --exclude-operation-id deleteSegmentationList

echo "--- invented answers"
ask "$work/any.toml" -H 'x-developer-mode: true'
