# shellcheck shell=bash
# The certificates of the test servers, made once into the cache folder: an
# authority `ca`, and signed by it `server` (localhost, 127.0.0.1), `other` (a
# name that is never connected to) and `client`. Each as .crt and .key, and as
# .pem with both.

readonly tls_home=$ROWCAST_CACHE/tls

tls_sign() {
    local folder=$1 name=$2 names=$3
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" \
        -keyout "$folder/$name.key" -out "$folder/$name.csr" &&
        openssl x509 -req -in "$folder/$name.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" \
            -CAcreateserial -days 3650 -extfile <(printf 'subjectAltName=%s\n' "$names") \
            -out "$folder/$name.crt" &&
        cat "$folder/$name.key" "$folder/$name.crt" >"$folder/$name.pem"
}

tls_make() {
    local folder=$1
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=rowcast test authority' \
        -keyout "$folder/ca.key" -out "$folder/ca.crt" &&
        tls_sign "$folder" server DNS:localhost,IP:127.0.0.1 &&
        tls_sign "$folder" other DNS:other.example &&
        tls_sign "$folder" client DNS:client.example
}

tls_locked() {
    local work
    if [ -d "$tls_home" ]; then return 0; fi
    work_folder tls
    quietly "$work/log" tls_make "$work" || die "the test certificates could not be made"
    rm -f -- "$work"/log "$work"/*.csr "$work"/*.srl
    mv -- "$work" "$tls_home"
}

# Provides tls_home.
tls_provide() {
    if [ ! -d "$tls_home" ]; then with_lock tls tls_locked; fi
}
