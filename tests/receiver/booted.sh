# What an operator does with the service, on a machine whose first process is systemd: run by test_booted.py, inside of it.
# /proof is the test's directory, with the rules file; what is said here ends there. The last line is "done".
set -eu
# A machine whose kernel gives services no namespaces is none to try this on: nothing is said, and it is left out.
printf '[Service]\nType=oneshot\nUser=nobody\nPrivateUsers=yes\nProtectSystem=strict\nProtectProc=invisible\nExecStart=/bin/true\n' \
    > /run/systemd/system/probe.service
systemctl daemon-reload
systemctl start probe.service
exec > /proof/said 2>&1
echo booted
set -x
export PATH=/opt/spapi-router/bin:$PATH

push() {
    spapi-router simulate sns --to http://127.0.0.1:8080/sns --listen 127.0.0.1:4599 --types ORDER_CHANGE --count "$1" \
        --keep /etc/spapi-router/sns.key --write-certificate /etc/spapi-router/sns.pem --no-confirmation --retry --json
}
shown() { systemctl show --property "$1" --value spapi-router.service; }
# Until the condition holds: a try a tenth of a second, 300 of them, and only the outcome is said.
until_so() {
    set +x
    for _ in $(seq 300); do
        if "$@"; then
            set -x
            return
        fi
        sleep 0.1
    done
    set -x
    systemctl status --no-pager --full spapi-router.service spapi-router.socket
    return 1
}
is() { [ "$(shown "$1")" = "$2" ]; }
kept() { [ "$(spapi-router inbox stats --json | grep -o '"notifications":[0-9]*')" = "\"notifications\":$1" ]; }
# Kill a process of the service's, and wait until systemd has started it anew.
killed() {
    before=$(shown NRestarts)
    # Blanks around the id come along from the kernel's list of children.
    kill -KILL $1
    until_so is NRestarts $((before + 1))
    until_so is SubState running
}

ip link set lo up
mkdir -p /etc/spapi-router
cp /proof/rules.toml /etc/spapi-router/
push 1 || true # nothing listens: it makes key and certificate

: installation by the steps that are said
spapi-router install --systemd --config /etc/spapi-router/rules.toml > /proof/steps
sed -n 's/^  \(system.*\)/\1/p' /proof/steps | while read -r step; do $step; done
is StatusText '1 rules, 1 handlers, at 127.0.0.1:8080'
systemctl is-active spapi-router.socket
push 20
until_so kept 20
[ "$(stat -c %U:%a /var/lib/spapi-router)" = spapi-router:700 ]

: commands beside it, as the user of the service
setpriv --reuid=spapi-router --regid=spapi-router --clear-groups env HOME=/ spapi-router inbox backup /dev/shm/copy.db

: a reload of good rules and of bad ones
systemctl reload spapi-router
sed -i 's/"keep"\]/"kepe"]/' /etc/spapi-router/rules.toml
if systemctl reload spapi-router; then exit 1; fi
shown StatusText | grep 'RELOAD REFUSED.*did you mean "keep"'
systemctl is-active spapi-router.service

: a start with bad rules says why with the priority of an error, and goes on once they are mended
if systemctl restart spapi-router; then exit 1; fi
journalctl --sync
journalctl --unit spapi-router --priority err --no-pager | grep 'spapi-router: .*there is no handler "kepe"'
cp /proof/rules.toml /etc/spapi-router/
until_so is SubState running

: both processes killed, one after the other
killed "$(shown MainPID)"
killed "$(cat "/proc/$(shown MainPID)/task/$(shown MainPID)/children")"
push 20
until_so kept 40

: one that hangs
mkdir -p /run/systemd/system/spapi-router.service.d
printf '[Service]\nWatchdogSec=2s\n' > /run/systemd/system/spapi-router.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart spapi-router
kill -STOP "$(shown MainPID)"
until_so is NRestarts 1
until_so is SubState running

: pushes while it is stopped start it
systemctl stop spapi-router.service
push 20
until_so kept 60

: the end
systemctl stop spapi-router.socket spapi-router.service
is Result success
is ExecMainStatus 0
echo done
