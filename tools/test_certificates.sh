#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Certificates for trying TLS out: tools/test_certificates.sh FOLDER NAME...
# makes FOLDER/authority.pem, and NAME.pem and NAME.key for each NAME, signed by that authority.
# For tests only: the keys have no passphrase, and all is valid for ten years.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 FOLDER NAME...    (a certificate and a key for each NAME)" >&2
    exit 2
fi
command -v openssl >/dev/null || {
    echo "$0: there is no openssl (on Debian: apt-get install openssl)" >&2
    exit 1
}
mkdir -p "$1"
cd "$1"
shift

new_key() {
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
    chmod 600 "$1"
}

new_key authority.key
openssl req -x509 -new -key authority.key -sha256 -days 3650 -subj "/CN=test authority of $(basename "$PWD")" \
    -out authority.pem
for name in "$@"; do
    new_key "$name.key"
    openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
    openssl x509 -req -in "$name.csr" -CA authority.pem -CAkey authority.key -CAcreateserial \
        -sha256 -days 3650 -out "$name.pem" 2>/dev/null
    rm "$name.csr"
done
rm -f authority.srl
