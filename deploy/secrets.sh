#!/bin/sh
# Draws the secrets of an installation into a folder, once: nothing that is there is changed. Each file belongs to the
# one who reads it.
#
#   MEMBERS=mongo1:27017,mongo2:27017 secrets.sh /secrets
set -eu
umask 277
cd "$1"

draw() { od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n'; }

once() { # NAME OWNER; a file that is there is whole
  if [ ! -e "$1" ]; then
    cat >"$1.new"
    chown "$2" "$1.new"
    mv "$1.new" "$1"
  fi
}
rm -f ./*.new

draw | once keyfile "$MONGODB"                     # by which members of the replica set know each other
draw | once administrator-password "$MONGODB"      # of the database
draw | once firewarden-password "$MONGODB"
once firewarden.yaml "$FIREWARDEN" <<END
store: mongodb://firewarden:$(cat firewarden-password)@$MEMBERS/firewarden?replicaSet=rs0&authSource=admin
admin-key: $(draw)
key-secret: $(draw)
END
