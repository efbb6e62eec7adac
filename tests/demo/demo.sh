#!/usr/bin/env bash
# The story of the README on a real daemon in a temporary folder: every step
# prints the command a user would type, runs it, and checks what it says.
# Leaves nothing behind; fails loudly when a step does not hold.
#
#   demo.sh BIN_FOLDER
set -euo pipefail

bin=$(cd "${1:?usage: demo.sh BIN_FOLDER}" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/coffer-demo.XXXXXX")
chmod 0755 "$dir"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
daemon=
steps=0
output=
linker=20001 messenger=20002 connector=20003

finish() {
  local code=$?
  if [ -n "$daemon" ]; then
    kill -TERM "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  if [ "$code" -ne 0 ]; then
    printf '\nDEMO FAILED (exit %s). The daemon said:\n' "$code"
    tail -n 20 "$dir/cofferd.log" 2>/dev/null || true
  fi
  rm -rf "$dir"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }

fail() {
  printf '\nThis step does not hold: %s\n' "$*"
  exit 1
}

# Prints the command as a user would type it, folded at 80 columns.
show() {
  local line
  line=$(printf '%s ' "$@")
  line=${line//$bin\//}
  line=${line//coffer --config $dir\/coffer.toml/coffer}
  line=${line//setpriv --reuid=$linker --regid=$linker --clear-groups/linker$}
  line=${line//setpriv --reuid=$messenger --regid=$messenger --clear-groups/messenger$}
  line=${line//setpriv --reuid=$connector --regid=$connector --clear-groups/connector$}
  line=${line//$dir/DIR}
  line=${line//$here\/..\/..\//}
  case $line in
  linker\$* | messenger\$* | connector\$*) ;;
  *) line="operator\$ $line" ;;
  esac
  fold -s -w 74 <<<"${line% }" | sed '1!s/^/    /; s/^/   /'
}

# run CODE COMMAND...: prints the command, runs it, shows what it printed, and
# fails unless it ended with CODE. The output stays in $output.
run() {
  local want=$1 got=0
  shift
  show "$@"
  output=$("$@" 2>&1) || got=$?
  printf '%s\n' "$output" |
    sed 's/\(v4\.[a-z]*\.[A-Za-z0-9_-]\{16\}\)[A-Za-z0-9_.-]*/\1.../g' |
    fold -s -w 74 | sed 's/^/     /'
  [ "$got" -eq "$want" ] || fail "exit code $got instead of $want"
}

expect() {
  grep -qF -- "$1" <<<"$output" || fail "no \"$1\" in the answer"
  steps=$((steps + 1))
}

# --- Who is who: three users when started as root, else one for all three. ---
if [ "$(id -u)" -eq 0 ]; then
  as_linker=(setpriv "--reuid=$linker" "--regid=$linker" --clear-groups)
  as_messenger=(setpriv "--reuid=$messenger" "--regid=$messenger" --clear-groups)
  as_connector=(setpriv "--reuid=$connector" "--regid=$connector" --clear-groups)
  audience=connector
  cat >"$dir/callers.toml" <<EOF
[callers.linker]
uid = $linker
links = ["create", "read", "update", "erase"]
[callers.messenger]
uid = $messenger
issue = [{ purpose = "balance_display", audience = "connector" },
         { purpose = "spend_by_category", audience = "connector" }]
[callers.connector]
uid = $connector
redeem = ["balance_display", "spend_by_category"]
EOF
  users=$'[users]\ngate = "daemon"\nkeeper = "bin"'
  mode=0666
else
  say "Not root: one user is linker, Messenger and connector at once."
  as_linker=() as_messenger=() as_connector=()
  audience=platform
  cat >"$dir/callers.toml" <<EOF
[callers.platform]
uid = $(id -u)
links = ["create", "read", "update", "erase"]
issue = [{ purpose = "balance_display", audience = "platform" },
         { purpose = "spend_by_category", audience = "platform" }]
redeem = ["balance_display", "spend_by_category"]
EOF
  users=
  mode=0600
fi

cat >"$dir/policy.toml" <<EOF
[purposes.balance_display]
data_clusters = ["ACCOUNT_BASIC", "ACCOUNT_DETAILED"]
max_ttl = "5m"
[purposes.spend_by_category]
data_clusters = ["TRANSACTIONS"]
max_ttl = "1m"
[purposes.advertising]
prohibited = true

[institutions.citi]
name = "Citi"
purposes = ["balance_display", "spend_by_category"]
data_clusters = ["ACCOUNT_BASIC", "ACCOUNT_DETAILED", "TRANSACTIONS"]
[institutions.chase]
name = "JPMorgan Chase"
purposes = ["balance_display"]
data_clusters = ["ACCOUNT_BASIC"]

$(cat "$dir/callers.toml")
EOF
cat >"$dir/coffer.toml" <<EOF
data_dir = "$dir/data"
policy = "$dir/policy.toml"
[sockets]
caller = { path = "$dir/run/coffer.sock", mode = "$mode" }
operator = { path = "$dir/run/operator.sock", mode = "0600" }
monitor = { path = "$dir/run/monitor.sock", mode = "0600" }
$users
EOF
cat >"$dir/consent.json" <<'EOF'
{"consentId":"c-7731","purposes":["balance_display"],
 "dataClusters":["ACCOUNT_DETAILED"],"durationType":"TIME_BOUND",
 "durationPeriod":90,"lookbackPeriod":60}
EOF
bank_token="bank-refresh-token-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')"
subject="customer-7731-$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')"
passphrase="a passphrase $(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')"
printf '%s\n' "$bank_token" >"$dir/bank-token"
printf '%s\n' "$passphrase" >"$dir/passphrase"
printf '%s' "$subject" >"$dir/subject"
chmod 0644 "$dir/bank-token" "$dir/consent.json"
mkdir -m 0777 "$dir/out"

coffer=("$bin/coffer" --config "$dir/coffer.toml")

say "The daemon starts; it has no keys yet."
printf '   $ cofferd --config DIR/coffer.toml &\n'
"$bin/cofferd" --config "$dir/coffer.toml" 2>"$dir/cofferd.log" &
daemon=$!
for _ in $(seq 100); do
  [ -S "$dir/run/operator.sock" ] && break
  kill -0 "$daemon" 2>/dev/null || fail "cofferd ended at once"
  sleep 0.05
done
run 1 "${coffer[@]}" status
expect uninitialised

say "An operator initialises it: the root key is made inside the keeper."
run 0 "${coffer[@]}" init --seal passphrase --passphrase-file "$dir/passphrase"
run 0 "${coffer[@]}" status
expect operational

# What the linker seals bank tokens to; pinned, so that no gate can name another.
COFFER_INGEST_KID=$(grep -o 'k4\.pid\.[A-Za-z0-9_-]*' <<<"$output" | head -n 1)
export COFFER_INGEST_KID

say "A customer links Citi and opts into balances, for 90 days."
run 0 "${as_linker[@]}" "${coffer[@]}" --json link add --institution citi \
  --subject "$subject" --bank-token-file "$dir/bank-token" \
  --consent "$dir/consent.json"
expect '"link"'
link=$(grep -o 'lnk_[A-Za-z0-9_-]*' <<<"$output" | head -n 1)

say "Messenger's service asks for a token to show the balance."
run 0 "${as_messenger[@]}" "${coffer[@]}" --json token issue --link "$link" \
  --purpose balance_display --audience "$audience"
expect 'v4.local.'
token=$(grep -o 'v4\.local\.[A-Za-z0-9_.-]*' <<<"$output" | head -n 1)
printf '%s\n' "$token" >"$dir/token"
chmod 0644 "$dir/token"

say "The connector redeems it, and only then sees the bank token."
run 0 "${as_connector[@]}" "${coffer[@]}" --json token redeem \
  --token-file "$dir/token"
expect "$bank_token"

say "Somebody asks for the same data for advertising."
run 1 "${as_messenger[@]}" "${coffer[@]}" token issue --link "$link" \
  --purpose advertising --audience "$audience"
expect access_denied
say "The operator sees the refusal, and the rule that decided."
run 0 "${coffer[@]}" audit tail --count 5
expect purpose_prohibited

say "JPMorgan shares no transactions, whatever its customer opts into."
cat >"$dir/chase.json" <<'EOT'
{"consentId":"c-7732","purposes":["balance_display","spend_by_category"],
 "dataClusters":["ACCOUNT_BASIC","TRANSACTIONS"],"durationType":"TIME_BOUND",
 "durationPeriod":90}
EOT
run 0 "${as_linker[@]}" "${coffer[@]}" --json link add --institution chase \
  --subject "$subject" --bank-token-file "$dir/bank-token" \
  --consent "$dir/chase.json"
expect '"link"'
chase=$(grep -o 'lnk_[A-Za-z0-9_-]*' <<<"$output" | head -n 1)
run 1 "${as_messenger[@]}" "${coffer[@]}" token issue --link "$chase" \
  --purpose spend_by_category --audience "$audience"
expect access_denied
who=messenger
[ "$audience" = connector ] || who=platform
run 0 "${coffer[@]}" policy explain --caller "$who" \
  --purpose spend_by_category --institution chase
expect purpose_above_institution_ceiling
run 0 "${as_messenger[@]}" "${coffer[@]}" --json token issue --link "$chase" \
  --purpose balance_display --audience "$audience"
expect '"scope":"ACCOUNT_BASIC"'

say "An app with a legitimate purpose walks every link, in another vault."
run 0 python3 -B "$here/../../bench/harvest.py" "$bin"
expect "it got 500 tokens"
expect "brake.trip"

say "The customer revokes. The token of a moment ago is dead."
run 0 "${as_linker[@]}" "${coffer[@]}" --yes link revoke "$link"
run 1 "${as_connector[@]}" "${coffer[@]}" token redeem \
  --token-file "$dir/token"
expect invalid_grant
run 1 "${as_messenger[@]}" "${coffer[@]}" token issue --link "$link" \
  --purpose balance_display --audience "$audience"
expect invalid_grant

say "What lies on disk is ciphertext: nothing is found."
for file in bank-token subject passphrase; do
  printf '   $ grep -rF -f DIR/%s DIR/data\n' "$file"
  if grep -rqF -f "$dir/$file" "$dir/data"; then
    fail "the $file stands in clear under data_dir"
  fi
  steps=$((steps + 1))
done
printf '     (no match; negative control: '
cp "$dir/bank-token" "$dir/data/control"
grep -rqF -f "$dir/bank-token" "$dir/data" ||
  fail "the search finds nothing even where there is something"
rm "$dir/data/control"
printf 'the same search finds a planted copy)\n'

say "Everything of this customer is erased, with a signed certificate."
run 0 "${as_linker[@]}" "${coffer[@]}" --yes subject erase "$subject" \
  --certificate "$dir/out/certificate"
expect "2"
run 0 "${coffer[@]}" audit verify-certificate "$dir/out/certificate"
expect "erased at"

say "The key of Citi's links is rotated while the vault serves."
run 0 "${as_linker[@]}" "${coffer[@]}" --json link add --institution citi \
  --subject "$subject-2" --bank-token-file "$dir/bank-token" \
  --consent "$dir/consent.json"
link=$(grep -o 'lnk_[A-Za-z0-9_-]*' <<<"$output" | head -n 1)
run 0 "${coffer[@]}" key rotate --institution citi
expect "0 left"
run 0 "${coffer[@]}" key list
expect destroyed
run 0 "${as_messenger[@]}" "${coffer[@]}" --json token issue --link "$link" \
  --purpose balance_display --audience "$audience"
expect 'v4.local.'

say "Citi withdraws: its key is destroyed, every link is dead at once."
run 0 "${coffer[@]}" --yes institution withdraw citi
run 1 "${as_messenger[@]}" "${coffer[@]}" token issue --link "$link" \
  --purpose balance_display --audience "$audience"
expect "coffer: refused"
run 0 "${coffer[@]}" institution list
expect withdrawn
say "It comes back: a new key, and no old link with it."
run 0 "${coffer[@]}" institution admit citi
run 1 "${as_messenger[@]}" "${coffer[@]}" token issue --link "$link" \
  --purpose balance_display --audience "$audience"
expect not_found

say "The daemon stops; sealed at its next start, it answers nobody."
kill -TERM "$daemon"
wait "$daemon" || fail "cofferd did not end cleanly"
daemon=
"$bin/cofferd" --config "$dir/coffer.toml" 2>>"$dir/cofferd.log" &
daemon=$!
for _ in $(seq 100); do
  [ "$("${coffer[@]}" --json status 2>/dev/null | grep -c sealed)" -ge 1 ] &&
    break
  sleep 0.05
done
run 3 "${as_messenger[@]}" "${coffer[@]}" token issue --link "$link" \
  --purpose balance_display --audience "$audience"
expect sealed
run 0 "${coffer[@]}" unseal --passphrase-file "$dir/passphrase"
run 0 "${coffer[@]}" status
expect operational

printf '\nEvery step held: %s checks passed.\n' "$steps"
