#!/usr/bin/env bash
# A file system that turns read-only under load, as ext4 does after an error. Expected (F5): as after
# a failed sync; a start on it is refused in one plain line; once it is writable a start recovers all
# that was acknowledged.
# Needs: root, to mount an ext4 image; mkfs.ext4 and e2fsck; a loop device.
source "$(dirname "$0")/common.sh"
needs_root
needs mount umount mkfs.ext4 e2fsck truncate
mkdir "$work/disk"
truncate -s 512M "$work/image"
mkfs.ext4 -q "$work/image"
mount -o loop "$work/image" "$work/disk" 2>"$work/why" ||
  left_out "no image can be mounted here: $(head -n 1 "$work/why")"
mounted=$work/disk
build
# A plain remount is refused while a file is open for writing; then the file system is aborted, which
# is what the kernel does after an error of the disk.
turn="mount -o remount,ro '$work/disk' 2>/dev/null || mount -o remount,abort '$work/disk'"
restore="umount '$work/disk'
e2fsck -fy '$work/image' >/dev/null 2>&1 || [ \$? -le 2 ]
mount -o loop '$work/image' '$work/disk'"
outside 180 read-only --disk "$work/disk" --turn "$turn" --restore "$restore"
