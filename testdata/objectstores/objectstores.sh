#!/usr/bin/env bash
# Object stores for tests, on loopback only: versitygw (S3), fake-gcs-server
# (Google Cloud Storage) and Azurite (Azure Blob Storage). Versions are pinned
# by go.mod and package-lock.json beside this file.
#
#   objectstores.sh fetch                  build and install what is missing
#   objectstores.sh serve KIND DIR PORT    run s3, gcs or azure with its data in
#                                          DIR until standard input ends; then
#                                          DIR is removed
#
# S3 takes its root credentials from ROOT_ACCESS_KEY and ROOT_SECRET_KEY, Azure
# its account from AZURITE_ACCOUNTS (name:key). Downloads are kept in
# .cache/objectstores, or where HELIOSDB_TEST_OBJECTSTORES_CACHE says.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${HELIOSDB_TEST_OBJECTSTORES_CACHE:-$here/../../.cache/objectstores}
GO=${GO:-go}

fetch() {
  mkdir -p "$cache"
  cache=$(cd "$cache" && pwd)
  exec 9>"$cache/lock"
  flock 9
  local want
  want=$(cat "$here/go.mod" "$here/go.sum" | sha256sum)
  if [[ $(cat "$cache/stamp-go" 2>/dev/null) != "$want" ]]; then
    echo "building versitygw and fake-gcs-server" >&2
    (cd "$here" && CGO_ENABLED=0 $GO build -p "${P:-2}" -trimpath -ldflags '-s -w' -o "$cache/bin/" \
      github.com/versity/versitygw/cmd/versitygw github.com/fsouza/fake-gcs-server)
    echo "$want" >"$cache/stamp-go"
  fi
  want=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum)
  if [[ $(cat "$cache/stamp-npm" 2>/dev/null) != "$want" ]]; then
    echo "installing Azurite" >&2
    mkdir -p "$cache/azurite"
    cp "$here/package.json" "$here/package-lock.json" "$cache/azurite/"
    (cd "$cache/azurite" && npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    echo "$want" >"$cache/stamp-npm"
  fi
}

serve() {
  local kind=$1 dir=$2 port=$3 pid
  mkdir -p "$dir"
  case $kind in
    s3)
      mkdir -p "$dir/buckets"
      "$cache/bin/versitygw" --quiet --port "127.0.0.1:$port" --keep-alive posix "$dir/buckets" >"$dir/log" 2>&1 &
      ;;
    gcs)
      "$cache/bin/fake-gcs-server" -scheme http -host 127.0.0.1 -port "$port" -backend memory -log-level warn >"$dir/log" 2>&1 &
      ;;
    azure)
      node "$cache/azurite/node_modules/azurite/dist/src/blob/main.js" --blobHost 127.0.0.1 --blobPort "$port" \
        --inMemoryPersistence --skipApiVersionCheck --disableTelemetry --silent >"$dir/log" 2>&1 &
      ;;
    *)
      echo "unknown kind $kind: s3, gcs or azure" >&2
      exit 2
      ;;
  esac
  pid=$!
  exec 3<&0
  { cat <&3 >/dev/null; kill "$pid" 2>/dev/null || true; } >/dev/null 2>&1 &
  local waiter=$! code=0
  wait "$pid" || code=$?
  # 143: what we sent.
  if ((code != 0 && code != 143)); then
    cat "$dir/log" >&2
  fi
  kill "$waiter" 2>/dev/null || true
  rm -rf "$dir"
}

case ${1:-} in
  fetch) fetch ;;
  serve) serve "$2" "$3" "$4" ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
