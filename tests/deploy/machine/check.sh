#!/bin/bash
# Runs inside the booted machine: does with the service what admins do, says what came of it, and turns the machine off. Each
# line that begins with "ok" or "FAILED" is a step.
set -u

step() {
    local name=$1
    shift
    if "$@" >/tmp/said 2>&1; then echo "ok $name"; else
        echo "FAILED $name: $*"
        cat /tmp/said
        journalctl --no-pager -n 25 -u okrd
    fi
}
until_true() {
    local tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 150 ] || return 1
        sleep 0.1
    done
}
property() { systemctl show okrd -P "$1"; }
is() { [ "$(property "$1")" = "$2" ]; }
process() { grep -qP "^$1:\t$2$" "/proc/$(property MainPID)/status"; }
answer() {
    exec 3<>/dev/tcp/127.0.0.1/10650 || return 1
    printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$1" >&3
    cat <&3
    exec 3>&-
}
shows() { answer "$1" | grep -q "$2"; }
journal() { journalctl --no-pager -u okrd | grep -q "$1"; }
not() { ! "$@"; }
values() { okrd --config /etc/okrd/okrd.toml history --format csv life:growth/up 2>/dev/null | wc -l; }
measured() { [ "$(values)" -gt "$1" ]; }
ends() {
    local code=$1
    shift
    "$@" >/tmp/error 2>&1
    [ $? -eq "$code" ] && [ "$(grep -c '^error: ' /tmp/error)" -le 1 ]
}

# A minute is long to wait for.
mkdir -p /run/systemd/system/okrd.service.d
printf '[Service]\nWatchdogSec=3s\nTimeoutAbortSec=1s\nRestartSec=1s\n' >/run/systemd/system/okrd.service.d/hurry.conf
systemctl daemon-reload
step "starts and is ready" systemctl start okrd
step "is active" is ActiveState active
step "runs as a user of its own" not process Uid "0\t0\t0\t0"
step "has no capability" process CapEff 0000000000000000
step "gains no privilege" process NoNewPrivs 1
step "is filtered" process Seccomp 2
step "tells a status" not is StatusText ""
step "measures" until_true shows /metrics 'okrd_key_result_value{.*} 7'
step "its state is nobody else's" [ "$(stat -c %a /var/lib/private/okrd)" = 700 ]

sed -i 's/^title = "Grow"/title = "Grow on"/' /etc/okrd/okrs/team.toml
step "takes a good change" systemctl reload okrd
step "shows it" until_true shows / 'Grow on'
echo 'nonsense = [' >>/etc/okrd/okrs/team.toml
step "refuses a broken one and says so" not systemctl reload okrd
step "goes on" shows / 'Grow on'
step "tells the finding" journal 'team.toml'
sed -i '$d' /etc/okrd/okrs/team.toml
step "takes the mended one" systemctl reload okrd

before=$(values)
kill -STOP "$(property MainPID)"
step "is started anew when its loop stands still" until_true is NRestarts 1
step "is back" until_true is ActiveState active
step "keeps what it knew" until_true measured "$before"

step "a second one ends with 4" ends 4 okrd --config /etc/okrd/okrd.toml run
step "another on its port ends with 2" ends 2 okrd --config /srv/other/okrd.toml run
step "and says what to do" grep -q 'end the other program' /tmp/error

before=$(values)
step "stops" systemctl stop okrd
step "without a failure" is Result success
step "within its time" journal 'ended'
step "starts again" systemctl start okrd
step "with its past" measured "$((before - 1))"
systemctl stop okrd

cp /etc/okrd/okrd.toml /tmp/good.toml
echo 'nonsense = [' >>/etc/okrd/okrd.toml
step "does not start on a wrong configuration" not systemctl start okrd
step "with the code for it" is ExecMainStatus 2
sleep 3
step "and is not tried again" is NRestarts 0
cp /tmp/good.toml /etc/okrd/okrd.toml

printf '[Service]\nLoadCredential=token:/etc/okrd/credentials/token\n' >/run/systemd/system/okrd.service.d/credentials.conf
systemctl daemon-reload
systemctl reset-failed okrd
step "does not start without its credential" not systemctl start okrd
step "with systemd's code for it" is ExecMainStatus 243
sleep 3
step "and is not tried again" is NRestarts 0
step "the journal names it" journal 'credentials'
mkdir -p /etc/okrd/credentials
echo first >/etc/okrd/credentials/token
systemctl reset-failed okrd
step "starts with it" systemctl start okrd
step "only it can read it" [ "$(stat -c %a /run/credentials/okrd.service/token)" = 400 ]
echo second >/etc/okrd/credentials/token
step "is renewed by a restart" systemctl restart okrd
step "to the new one" grep -q second /run/credentials/okrd.service/token
systemctl stop okrd
rm /run/systemd/system/okrd.service.d/credentials.conf

# Longer than systemd would wait of itself.
printf '[Service]\nTimeoutStartSec=3s\nEnvironment=LD_PRELOAD=/faketime/libfaketime.so.1 "FAKETIME=@1990-01-01 00:00:00" FAKETIME_DONT_FAKE_MONOTONIC=1\n' \
    >/run/systemd/system/okrd.service.d/clock.conf
systemctl daemon-reload
step "starts under a wrong clock" systemctl start --no-block okrd
sleep 6
step "waits for it" is ActiveState activating
step "and says so" eval 'property StatusText | grep -q "the clock stands at 1990"'
step "and is not broken off" is NRestarts 0
systemctl stop okrd
rm /run/systemd/system/okrd.service.d/clock.conf

# The folder systemd makes for the state is a file.
mv /var/lib/private/okrd /srv/state
echo >/var/lib/private/okrd
systemctl daemon-reload
step "does not start without a folder for its state" not systemctl start okrd
step "with systemd's code for that" is ExecMainStatus 238
sleep 3
step "and leaves it to a person" is NRestarts 0
rm /var/lib/private/okrd
mv /srv/state /var/lib/private/okrd
systemctl reset-failed okrd

systemd-sysusers
cp /srv/fixed-user.conf /run/systemd/system/okrd.service.d/
systemctl daemon-reload
systemctl reset-failed okrd
step "starts as a user that stays" systemctl start okrd
step "which is okrd" process Uid "$(id -u okrd)\t$(id -u okrd)\t$(id -u okrd)\t$(id -u okrd)"
systemctl stop okrd
echo "done"
systemctl poweroff --force
