#!/usr/bin/env bash
# Real SAM on a machine without AWS: builds functions with it, runs them in its containers, deploys the whole template into an emulator
# of CloudFormation. Called by .ci/run, or by hand. What it needs comes by the environment:
#   SAM               the SAM CLI, in a Python environment of its own
#   EMULATOR_PYTHON   a Python with moto's server
#   CARGO_LAMBDA      a folder with cargo-lambda
#   CONTAINERS        `required`: fail where containers cannot be run. Otherwise that part is left out there, which is said loudly
#   LOGS              where to leave what was done (default: target/sam/logs)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=tests/sam
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/sam
LOGS=${LOGS:-$work/logs}
python=$(dirname "$SAM")/python
rm -rf "$work" && mkdir -p "$work/docker" "$LOGS"
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1
# What is run here is none of AWS's business.
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL
# cargo-lambda names its target, and what cargo builds for a target that is named it does not share with what it builds otherwise.
export CARGO_BUILD_TARGET=${CARGO_BUILD_TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
built=$target/$CARGO_BUILD_TARGET/debug
case $CARGO_BUILD_TARGET in
  x86_64-*) architecture=x86_64 ;;
  *) architecture=arm64 ;;
esac

source $here/standin.sh
children=()
finish() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  stop_docker
}
trap finish EXIT

say() { printf -- '--- sam: %s (%d:%02d)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

# Waits until a log has a line that matches, or its writer is gone.
await() { # pattern, log, pid, seconds
  for _ in $(seq $(($4 * 5))); do
    grep -Eq "$1" "$2" && return
    kill -0 "$3" 2>/dev/null || break
    sleep 0.2
  done
  echo "waited in vain for '$1' in $2:" && tail -20 "$2" && return 1
}

free_port() { "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

say "all functions, with what the tests built"
cargo build --profile test --locked --quiet --workspace --bins --tests
"$python" release/assemble.py template.yaml "$built/{}" "$work/build"

say "sam deploy of the whole template into an emulator, in the background"
# Nothing runs there, so that what stands for each function may be anything.
echo "in the place of a function" >"$work/placeholder"
"$python" release/assemble.py template.yaml "$work/placeholder" "$work/to-deploy"
emulator_port=$(free_port)
"$EMULATOR_PYTHON" $here/emulator.py "$emulator_port" >"$LOGS/emulator.log" 2>&1 &
emulator=$!
children+=("$emulator")
await 'Running on' "$LOGS/emulator.log" "$emulator" 60
"$python" $here/deploy.py "$work/to-deploy/template.yaml" "$SAM" "http://localhost:$emulator_port" "$work" >"$LOGS/sam-deploy.log" 2>&1 &
deployment=$!
children+=("$deployment")

say "sam build of two functions"
for each in Manifest=manifest ProviderWebhook=provider-webhook; do
  function=${each%=*} crate=${each#*=}
  # A debug build, and each thing once: what a release is made of takes many minutes.
  PATH=$CARGO_LAMBDA:$PATH SAM_BUILD_MODE=debug CARGO_LAMBDA_GLOBAL=$here/cargo-lambda.toml \
    "$SAM" build "$function" --parameter-overrides Architecture=$architecture --build-dir "$work/built-$function" >"$LOGS/sam-build-$function.log" 2>&1 ||
    { tail -40 "$LOGS/sam-build-$function.log"; exit 1; }
  # These are what runs in the containers.
  mv -f "$work/built-$function/$function/bootstrap" "$work/build/$crate/bootstrap"
done

say "Docker"
containers=yes
if ! start_docker "$work/docker"; then
  containers=no
  printf '\n!!! sam local was NOT tried: %s.\n!!! Events in containers and sam local start-api are unproven by this run.\n\n' "$why" | tee "$LOGS/sam-local.log"
  [ "${CONTAINERS:-}" != required ] || exit 1
fi

# The bundle on this machine, whose table, secret and outside world the containers use.
start_local() { # log, options
  local log=$1
  shift
  "$built/local" --port 0 --aws-port 0 "$@" >"$log" 2>"$log.err" &
  children+=($!)
  await '^ready: ' "$log" $! 120
  url=$(sed -n 's/^ready: //p' "$log")
  aws=$(sed -n 's/^AWS_ENDPOINT_URL=//p' "$log")
  "$python" $here/forward.py "$HOST" "${url##*:}" "${aws##*:}" >"$log.forward" 2>&1 &
  children+=($!)
  await '^forwarding' "$log.forward" $! 20
  local outside="http://$HOST:${url##*:}/sim"
  cat >"$work/variables.json" <<JSON
{"Parameters": {"TABLE_NAME": "pigeonpost", "SECRET_ID": "pigeonpost", "MEDIA_BUCKET": "pigeonpost-media",
 "AWS_ENDPOINT_URL": "http://$HOST:${aws##*:}", "PUBLIC_URL": "$url", "PIPEDRIVE_OAUTH_URL": "$outside/pipedrive",
 "PIPEDRIVE_API_URL": "$outside/pipedrive", "GRAPH_API_URL": "$outside/graph/v25.0"}}
JSON
}
# Functions get the credentials of whoever runs SAM; these are the ones that the table and the bucket of `local` take. SAM asks STS whose
# they are, which the emulator answers. No function of the shell: what is started through one can't be ended by its number.
as_local=(env AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local "AWS_ENDPOINT_URL_STS=http://localhost:$emulator_port")
in_containers=(--template-file "$work/build/template.yaml" --env-vars "$work/variables.json" --docker-network "$NETWORK" --invoke-image "$IMAGE" --skip-pull-image
  --parameter-overrides Architecture=$architecture --region eu-central-1)

if [ $containers = yes ]; then
  say "sam local invoke, each event"
  PIPEDRIVE_CLIENT_ID=client-id PIPEDRIVE_CLIENT_SECRET=client-secret META_APP_SECRET=meta-app-secret META_VERIFY_TOKEN=meta-verify-token \
    start_local "$LOGS/local-events.log" --no-simulators
  "${as_local[@]}" "$python" $here/invoke.py "$SAM" "$LOGS/sam-local-invoke.log" "${in_containers[@]}"

  say "sam local start-api, against the embedded table"
  start_local "$LOGS/local-api.log"
  port=$(free_port)
  "${as_local[@]}" "$SAM" local start-api --port "$port" --warm-containers LAZY "${in_containers[@]}" >"$LOGS/sam-local-start-api.log" 2>&1 &
  children+=($!)
  await 'Running on|Press CTRL' "$LOGS/sam-local-start-api.log" $! 120
  "$python" $here/api.py "http://127.0.0.1:$port" "$url" "$aws" 2>&1 | tee "$LOGS/sam-local-api.log"
fi

say "what came of the deployment"
wait "$deployment" || { tail -20 "$LOGS/sam-deploy.log"; exit 1; }
grep 'looked at' "$LOGS/sam-deploy.log"
say "done; logs in $LOGS"
