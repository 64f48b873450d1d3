# Checks the signature of a DSSE envelope with a shell, sed, base64 and openssl.
# usage: sh check-with-openssl.sh ENVELOPE KEY.pem DIRECTORY-FOR-PIECES
set -eu
field() { tr -d ' \t\n' < "$envelope" | sed -n "s|.*\"$1\":\"\([^\"]*\)\".*|\1|p"; }
envelope=$1
type=$(field payloadType)
field payload | base64 -d > "$3/payload"
field sig | base64 -d > "$3/signature"
{ printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(wc -c < "$3/payload")"; cat "$3/payload"; } > "$3/signed"
openssl pkeyutl -verify -pubin -inkey "$2" -rawin -in "$3/signed" -sigfile "$3/signature"
