#!/bin/sh
# Lays out the files of the image: rootfs.sh PROGRAM FOLDER CA-CERTIFICATES
# Used by the Dockerfile, and by the test that runs the result in a chroot.
set -eu
program=$1 root=$2 certificates=$3
mkdir -p "$root/usr/bin" "$root/etc/ssl/certs" "$root/etc/heliosdb" "$root/tmp" \
  "$root/var/lib/heliosdb/state" "$root/var/log/heliosdb"
cp "$program" "$root/usr/bin/heliosdb-streaming"
chmod 0755 "$root/usr/bin/heliosdb-streaming"
ln -sf heliosdb-streaming "$root/usr/bin/curl"
cp "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
chmod 0644 "$root/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0:root:/:/sbin/nologin\nheliosdb:x:65532:65532:HeliosDB Streaming:/var/lib/heliosdb:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nheliosdb:x:65532:\n' >"$root/etc/group"
# "localhost" without a resolver.
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
chmod 1777 "$root/tmp"
if [ "$(id -u)" = 0 ]; then
  chown -R 65532:65532 "$root/var/lib/heliosdb" "$root/var/log/heliosdb"
fi
chmod 0700 "$root/var/lib/heliosdb/state"
