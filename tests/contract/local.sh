# Sourced by the scripts beside it: start_local starts `local` with its simulators and demo company on a free port, and sets BASE_URL
# and server, its process id. It keeps its data and its log below $work.
start_local() {
  # With everything that the tests are built with: alone, it would have other features, and most of it be compiled anew.
  cargo build --profile test --locked --quiet --workspace --bin local --tests
  "${CARGO_TARGET_DIR:-$PWD/target}/${CARGO_BUILD_TARGET:-}/debug/local" --port 0 --data "$work/data" >"$work/local.log" 2>&1 &
  server=$!
  for _ in $(seq 600); do
    BASE_URL=$(sed -n 's/^ready: *//p' "$work/local.log")
    [ -z "$BASE_URL" ] || return 0
    kill -0 "$server" 2>/dev/null || { cat "$work/local.log"; echo "local ended before it was ready"; exit 1; }
    sleep 0.1
  done
  cat "$work/local.log"
  echo "local was not ready within a minute"
  exit 1
}

# Ends it again.
stop_local() {
  [ -z "${server:-}" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
}
