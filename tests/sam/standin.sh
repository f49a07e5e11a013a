# Docker for SAM, to be sourced. The machine's own, if it has one that works; else a daemon of our own on a socket of its own, which
# needs root. No image is pulled: the stand-in for AWS's base image is made of this machine's C library, certificates and a shell, which
# is what a Rust function needs that was built on this machine.
#
# start_docker sets DOCKER_HOST where it has to; IMAGE, NETWORK, and HOST, which is this machine as containers see it, are fixed. It
# fails with the reason in $why.
NETWORK=pigeonpost-sam
HOST=10.213.0.1
# A name of our own, so that AWS's image is left alone where there is one. SAM derives another from it, with its emulator in it.
IMAGE=pigeonpost-standin:latest
IMAGES=("$IMAGE" "pigeonpost-standin:rapid-$architecture")

start_docker() { # folder for its data
  why=
  [ "$(uname)" = Linux ] || { why="the stand-in for AWS's image is made of a Linux machine's files"; return 1; }
  docker info >/dev/null 2>&1 || own_daemon "$1" || return 1
  docker network inspect "$NETWORK" >/dev/null 2>&1 ||
    # The bridge has a name, so that one that is left over is taken again instead of being in the way.
    docker network create --subnet 10.213.0.0/24 --gateway "$HOST" -o com.docker.network.bridge.name=pigeonpost0 "$NETWORK" >/dev/null 2>"$1/network.log" ||
    { why="there is no network: $(tail -1 "$1/network.log")"; return 1; }
  # One that a run left behind which was killed would be taken in the place of this one.
  docker image rm -f "${IMAGES[@]}" >/dev/null 2>&1 || true
  make_image "$1" 2>"$1/image.log" || { why="there is no image: $(tail -1 "$1/image.log")"; return 1; }
  docker run --rm --network "$NETWORK" "$IMAGE" /bin/sh -c true 2>"$1/run.log" || { why="a container does not start: $(tail -1 "$1/run.log")"; return 1; }
}

own_daemon() {
  local folder=$1 tool
  [ "$(id -u)" = 0 ] || { why="no Docker answers, and only root can start one"; return 1; }
  if ! command -v docker >/dev/null || ! command -v dockerd >/dev/null || ! command -v runc >/dev/null; then
    echo "installing docker.io"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io; } >"$folder/apt.log" 2>&1 || true
  fi
  for tool in docker dockerd runc; do
    command -v "$tool" >/dev/null || { why="there is no $tool, and it could not be installed ($(tail -1 "$folder/apt.log"))"; return 1; }
  done
  # Containers talk to this machine alone, so no rules for packets are needed.
  export DOCKER_HOST=unix://$folder/docker.sock
  dockerd -H "$DOCKER_HOST" --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" --iptables=false \
    --ip6tables=false >"$folder/dockerd.log" 2>&1 &
  docker_pid=$!
  for _ in $(seq 60); do
    docker info >/dev/null 2>&1 && return
    kill -0 "$docker_pid" 2>/dev/null || { why="dockerd ends: $(grep -o 'failed to.*' "$folder/dockerd.log" | tail -1)"; return 1; }
    sleep 0.5
  done
  why="dockerd does not answer within 30 s"
  return 1
}

make_image() {
  local root=$1/rootfs
  rm -rf "$root" && mkdir -p "$root"/{tmp,var/task,var/runtime,opt,proc,dev,etc/ssl/certs}
  local tools=(/bin/bash /bin/sh /bin/mv /bin/chmod /bin/mkdir /bin/cat /bin/ls /bin/rm)
  # With the libraries that they and any Rust program load.
  { printf '%s\n' "${tools[@]}"; ldd "${tools[@]}" | grep -o '/[^ :]*\.so[^ :]*'
    ldconfig -p | grep -oE '/[^ ]*/(libgcc_s|libm|libc|libpthread|libdl|librt)\.so\.[0-9]+$'; } | sort -u | while read -r file; do
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
  done
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" 2>/dev/null || true
  echo 'root:x:0:0:root:/:/bin/bash' >"$root/etc/passwd"
  tar -C "$root" -c . | docker import --change 'WORKDIR /var/task' --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime' - "$IMAGE" >/dev/null
}

# Also where nothing of it was started: what is not there is not the script's failure.
stop_docker() {
  local left
  left=$(docker ps -aq --filter "network=$NETWORK" 2>/dev/null) || true
  [ -z "$left" ] || docker rm -f $left >/dev/null 2>&1 || true
  docker network rm "$NETWORK" >/dev/null 2>&1 || true
  docker image rm -f "${IMAGES[@]}" >/dev/null 2>&1 || true
  [ -z "${docker_pid:-}" ] || { kill "$docker_pid" && wait "$docker_pid"; } 2>/dev/null || true
}
