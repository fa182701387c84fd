#!/bin/sh
# Makes a gateway of a Raspberry Pi with Raspberry Pi OS, or of any machine with Debian: the package, the time, the watchdog of
# the machine, a serial line that nobody else uses, a log that does not wear the card out. Run again, it does what is missing.
#
#   sudo ./install.sh [--dry-run] smarthydro-edge_1.0.0_arm64.deb
#
# Exit status: 0 done, 1 something could not be done, 64 wrong command line.
set -eu

dry=no
package=
changed=0
reboot=no

usage() {
  sed -n '2,6s/^# \{0,1\}//p' "$0"
}

say() { printf '%s\n' "$*"; }

# What is to be changed is said, and done unless it is a rehearsal.
change() {
  changed=$((changed + 1))
  what=$1
  shift
  if [ "$dry" = yes ]; then
    say "would $what"
  else
    say "$what"
    "$@"
  fi
}

# Writes standard input to a file that is not so already. Returns 1 when it is.
write_file() {
  content=$(cat)
  if [ -e "$1" ] && [ "$(cat "$1")" = "$content" ]; then
    return 1
  fi
  change "write $1" put "$1" "$content"
}

put() {
  mkdir -p "$(dirname "$1")"
  printf '%s\n' "$2" > "$1.new"
  mv "$1.new" "$1"
}

# Puts a line at the end of a file that does not have it.
add_line() {
  if grep -qxF "$2" "$1"; then
    return 0
  fi
  change "add '$2' to $1" append "$1" "$2"
  reboot=yes
}

append() {
  cp "$1" "$1.new"
  printf '%s\n' "$2" >> "$1.new"
  mv "$1.new" "$1"
}

has_systemd() { [ -d /run/systemd/system ]; }

install_package() {
  version=$(dpkg-deb --field "$package" Version)
  name=$(dpkg-deb --field "$package" Package)
  if [ "$name" != smarthydro-edge ]; then
    say "$package is the package $name, and not smarthydro-edge" >&2
    exit 64
  fi
  machine=$(dpkg --print-architecture)
  if [ "$(dpkg-deb --field "$package" Architecture)" != "$machine" ]; then
    say "$package is not for this machine, which is $machine" >&2
    exit 64
  fi
  installed=$(dpkg-query --show --showformat '${db:Status-Abbrev}${Version}' smarthydro-edge 2> /dev/null || true)
  if [ "$installed" = "ii $version" ]; then
    say "ok: smarthydro-edge $version is installed"
  else
    change "install smarthydro-edge $version" \
      apt-get install --yes --quiet --no-install-recommends --allow-downgrades "$(readlink -f "$package")"
  fi
}

# A reading whose time nobody vouches for is not declared.
keep_time() {
  if command -v chronyd > /dev/null || [ -e /usr/lib/systemd/systemd-timesyncd ]; then
    say "ok: something keeps the time"
  else
    change "install chrony" apt-get install --yes --quiet --no-install-recommends chrony
  fi
  if [ -e /usr/lib/systemd/systemd-timesyncd ] && has_systemd && ! command -v chronyd > /dev/null &&
    ! systemctl is-enabled --quiet systemd-timesyncd; then
    change "enable systemd-timesyncd" systemctl enable --now systemd-timesyncd
  fi
}

# A kernel that hangs is reset by the hardware. The one of a Raspberry Pi counts to 15 s at most.
watch_machine() {
  write_file /etc/systemd/system.conf.d/smarthydro.conf << 'END' || say "ok: systemd feeds the machine's watchdog"
[Manager]
RuntimeWatchdogSec=15
RebootWatchdogSec=2min
END
  if [ -e "$boot/config.txt" ]; then
    add_line "$boot/config.txt" dtparam=watchdog=on
  fi
}

# The pins of the serial line belong to the instruments, and not to a console.
free_serial() {
  if [ ! -e "$boot/cmdline.txt" ]; then
    say "ok: no console of a Raspberry Pi is here"
    return
  fi
  if grep -qE 'console=(serial0|ttyAMA0|ttyS0),[0-9]+' "$boot/cmdline.txt"; then
    change "take the serial console out of $boot/cmdline.txt" free_cmdline
    reboot=yes
  else
    say "ok: no console is on the serial line"
  fi
  add_line "$boot/config.txt" enable_uart=1
  for line in ttyAMA0 ttyS0; do
    if [ "$(readlink "/etc/systemd/system/serial-getty@$line.service" || true)" != /dev/null ]; then
      change "mask serial-getty@$line" systemctl mask "serial-getty@$line.service"
    fi
  done
}

free_cmdline() {
  sed -E 's/ ?console=(serial0|ttyAMA0|ttyS0),[0-9]+//g; s/^ //' "$boot/cmdline.txt" > "$boot/cmdline.txt.new"
  mv "$boot/cmdline.txt.new" "$boot/cmdline.txt"
}

# The package bounds the log; that it is on disk at all is up to this folder.
keep_log() {
  if [ -d /var/log/journal ]; then
    say "ok: the log outlives a restart"
  else
    change "make /var/log/journal" mkdir -p /var/log/journal
  fi
}

hints() {
  say ""
  say "Left to you, for a card that lives long:"
  options=$(awk '$2 == "/" { print $4 }' /proc/mounts | tail -1)
  case ",$options," in
    *,noatime,* | *,ro,*) ;;
    *) say "  - mount / with noatime (/etc/fstab): each look at a file is a write otherwise" ;;
  esac
  if ! awk '$2 == "/var/lib/smarthydro"' /proc/mounts | grep -q .; then
    say "  - give /var/lib/smarthydro a partition of its own; then / can be read-only (raspi-config, Performance, Overlay File System)"
  fi
  if awk 'NR > 1' /proc/swaps | grep -qv zram; then
    say "  - turn off swap on the card: sudo systemctl disable --now dphys-swapfile"
  fi
  if [ ! -e /etc/smarthydro/gateway.yaml ]; then
    say "Next: /etc/smarthydro/gateway.yaml (an example: /usr/share/doc/smarthydro-edge/gateway.yaml), then"
    say "  sudo smarthydro-edge check /etc/smarthydro/gateway.yaml && sudo systemctl restart smarthydro-edge"
  fi
}

for argument in "$@"; do
  case "$argument" in
    --dry-run) dry=yes ;;
    --help)
      usage
      exit 0
      ;;
    -*)
      say "unknown option $argument" >&2
      usage >&2
      exit 64
      ;;
    *)
      if [ -n "$package" ]; then
        say "more than one package was named: $package and $argument" >&2
        exit 64
      fi
      package=$argument
      ;;
  esac
done
if [ -z "$package" ] || [ ! -r "$package" ]; then
  say "no package to install: ${package:-none was named}" >&2
  usage >&2
  exit 64
fi
if [ "$dry" = no ] && [ "$(id -u)" != 0 ]; then
  say "not root: run it with sudo, or with --dry-run to see what it would do" >&2
  exit 1
fi
boot=/boot/firmware
if [ ! -d "$boot" ]; then
  boot=/boot
fi

install_package
keep_time
watch_machine
free_serial
keep_log
if [ "$changed" -gt 0 ] && [ "$dry" = no ] && has_systemd; then
  systemctl daemon-reexec
  systemctl restart systemd-journald
fi
say ""
if [ "$changed" = 0 ]; then
  say "Nothing was to be done."
elif [ "$dry" = yes ]; then
  say "$changed changes would be made; nothing was changed."
else
  say "$changed changes were made."
fi
if [ "$reboot" = yes ]; then
  say "Restart the machine: sudo reboot"
fi
hints
