# What every command in the guest begins with: the checkout's own tools for it (POSIX sh).

# bind BDF...: take the devices from their drivers and give them to vfio-pci.
bind() {
  for bdf; do
    device=/sys/bus/pci/devices/$bdf
    echo vfio-pci >"$device/driver_override" || return 1
    [ ! -e "$device/driver" ] || echo "$bdf" >"$device/driver/unbind"
    echo "$bdf" >/sys/bus/pci/drivers_probe
    # The write succeeds even where the probe failed.
    [ "$(basename "$(readlink "$device/driver")")" = vfio-pci ] || { echo "$bdf: not bound to vfio-pci" >&2; return 1; }
  done
}
