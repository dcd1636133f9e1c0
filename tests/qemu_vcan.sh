#!/usr/bin/env bash
# Runs the SocketCAN test and a car on a virtual CAN bus in a QEMU guest: for machines whose own kernel has no vcan.
#
# Needs qemu-system-x86_64, a static busybox, cpio, and a Linux kernel with its modules (can, can-raw, vcan): a
# Debian linux-image package, installed or unpacked in KERNEL_ROOT. With can-utils here, candump and cansend take part.
#
#   apt-get install qemu-system-x86 busybox-static cpio can-utils linux-image-amd64
#   tests/qemu_vcan.sh                             # or
#   KERNEL_ROOT=unpacked tests/qemu_vcan.sh        # after dpkg -x linux-image-*.deb unpacked
#
# QEMU_ACCEL=kvm is faster where it works; inside another virtual machine it often does not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root="${KERNEL_ROOT:-}"
kernel=$(ls "$root"/boot/vmlinuz-* 2>/dev/null | sort -V | tail -n 1 || true)
if [ -z "$kernel" ]; then
    echo "no kernel in $root/boot: install linux-image-amd64, or unpack one and name the folder in KERNEL_ROOT" >&2
    exit 2
fi
version=${kernel##*/vmlinuz-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The test program and the simulator, with the libraries that they need.
build=$(cargo test -q -p skidpad-links --test socketcan --no-run --message-format=json)
test=$(sed -n 's/.*"name":"socketcan".*"executable":"\([^"]*\)".*/\1/p' <<<"$build" | tail -n 1)
build=$(cargo build -q --bin skidpad --message-format=json)
skidpad=$(sed -n 's/.*"name":"skidpad".*"executable":"\([^"]*\)".*/\1/p' <<<"$build" | tail -n 1)
guest="$work/guest"
mkdir -p "$guest"/{bin,proc,sys,dev,tmp,modules,data}
cp "$(command -v busybox)" "$guest/bin/busybox"
cp "$test" "$guest/bin/socketcan_test"
cp "$skidpad" "$guest/bin/skidpad"
programs=("$test" "$skidpad")
for tool in candump cansend; do
    if path=$(command -v $tool); then
        cp "$path" "$guest/bin/"
        programs+=("$path")
    fi
done
ldd "${programs[@]}" | grep -o '/[^ ]*\.so[^ ]*' | sort -u | while read -r library; do
    mkdir -p "$guest$(dirname "$library")"
    cp -L "$library" "$guest$library"
done
cp -r vehicles maps "$guest/data/"
cp scenarios/manual/creep.toml "$guest/data/"
for module in can can-raw can-dev vcan; do
    file=$(find "$root/lib/modules/$version" -name "$module.ko*" | head -n 1)
    case "$file" in
        "") ;; # Built into the kernel.
        *.xz) xz -dc "$file" >"$guest/modules/$module.ko" ;;
        *.zst) zstd -qdc "$file" >"$guest/modules/$module.ko" ;;
        *) cp "$file" "$guest/modules/$module.ko" ;;
    esac
done

cat >"$guest/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo "guest: Linux $(uname -r)"
for module in can can-raw can-dev vcan; do
    [ ! -f /modules/$module.ko ] || insmod /modules/$module.ko
done
# A program of its own must do as well with a bus without CAN FD as with one.
status=0
for mtu in 16 72; do
    ip link add vcan0 type vcan
    ip link set vcan0 mtu $mtu
    ip link set vcan0 up
    echo "guest: vcan0, frames of at most $mtu bytes"
    SKIDPAD_TEST_VCAN=vcan0 socketcan_test --nocapture frames_cross || status=1
    ip link del vcan0
done
ip link add vcan0 type vcan
ip link set vcan0 up
cd /data
if command -v candump >/dev/null; then
    candump -n 5 vcan0,065:7FF &
    (for _ in $(seq 20); do sleep 1; cansend vcan0 12345678#11; cansend vcan0 060#0000000000000000; done) &
fi
SKIDPAD_DATA=/data skidpad run creep.toml --can vcan0 --pace real --out /tmp/out || status=1
grep -E '"(sent|received|unsupported)"' /tmp/out/timing.json
if command -v cansend >/dev/null; then
    grep -qE '"received": [1-9]' /tmp/out/timing.json && grep -qE '"unsupported": [1-9]' /tmp/out/timing.json || status=1
fi
[ $status = 0 ] && echo "guest: everything passed"
poweroff -f
INIT
chmod +x "$guest/init"
(cd "$guest" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initramfs.gz"

timeout "${QEMU_TIMEOUT_S:-600}" qemu-system-x86_64 -machine "accel=${QEMU_ACCEL:-tcg}" -m 1024 -smp 2 -nographic -no-reboot -nodefaults \
    -serial stdio -monitor none -kernel "$kernel" -initrd "$work/initramfs.gz" \
    -append "console=ttyS0 quiet panic=-1" </dev/null | tee "$work/log"
grep -q "guest: everything passed" "$work/log"
