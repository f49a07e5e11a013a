#!/usr/bin/env bash
# Asks the bundle everything that Pipedrive's manifest description allows and much that it does not, and checks each answer
# against that description: no 5xx, no body of another shape, no other content type.
#
# Starts `local` with its simulators and demo company on a free port and ends it again. Needs:
#   PIGEONPOST_CONTRACTS   the folder with pipedrive-manifest-endpoints.yaml
#   SCHEMATHESIS           schemathesis 4 (default: the one in PATH)
#   EXAMPLES               cases per operation and round (default 60)
# Or, to ask a bundle that runs already: BASE_URL, PIPEDRIVE_CLIENT_ID, PIPEDRIVE_CLIENT_SECRET, and optionally CHANNEL_ID.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

description=$(realpath "${PIGEONPOST_CONTRACTS:?the folder with the contracts}/pipedrive-manifest-endpoints.yaml")
schemathesis=$(command -v "${SCHEMATHESIS:-schemathesis}")
work=$(mktemp -d)
. tests/contract/local.sh
finish() {
  stop_local
  rm -rf "$work"
}
trap finish EXIT

if [ -z "${BASE_URL:-}" ]; then
  start_local
  # What the simulators are set up with: local/simulators/src/lib.rs.
  PIPEDRIVE_CLIENT_ID=local-client-id
  PIPEDRIVE_CLIENT_SECRET=local-client-secret-0123456789abcdef
  CHANNEL_ID=$(curl -fsS "$BASE_URL/sim/pipedrive/inbox.json" | grep -oE 'ch_[0-9]+_[0-9a-v]{20}' | head -n 1 || true)
  [ -n "$CHANNEL_ID" ] || { echo "the demo company has no channel"; exit 1; }
fi
: "${PIPEDRIVE_CLIENT_ID:?}" "${PIPEDRIVE_CLIENT_SECRET:?}"

ask() { # a file of fixed parameters, then further options
  local config=$1
  shift
  # From the temporary folder, since it leaves its notes where it runs.
  cd "$work"
  "$schemathesis" --config-file "$config" run "$description" --url "$BASE_URL/api" \
    --auth "$PIPEDRIVE_CLIENT_ID:$PIPEDRIVE_CLIENT_SECRET" \
    --checks not_a_server_error,response_schema_conformance,content_type_conformance \
    --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-60}" --seed 1 --generation-database none \
    --continue-on-failure --request-timeout 30 --workers 2 --no-color --warnings off "$@"
}

echo "--- ids as they come, wrong ones included"
: >"$work/any.toml"
ask "$work/any.toml"

if [ -n "${CHANNEL_ID:-}" ]; then
  # Ids that exist, so that answers with something in them are checked too. The channel must outlive the round.
  curl -fsS -u "$PIPEDRIVE_CLIENT_ID:$PIPEDRIVE_CLIENT_SECRET" "$BASE_URL/api/channels/$CHANNEL_ID/conversations" |
    python3 -c '
import json, sys
first = json.load(sys.stdin)["data"][0]
print("[parameters]")
for name, value in {
    "providerChannelId": sys.argv[1],
    "sourceConversationId": first["id"],
    "sourceMessageId": first["messages"][0]["id"],
    "senderId": first["participants"][0]["id"],
}.items():
    print(f"\"path.{name}\" = {json.dumps(value)}")' "$CHANNEL_ID" >"$work/known.toml"
  echo "--- ids of the demo company"
  ask "$work/known.toml" --exclude-operation-id deleteChannelById
fi
