#!/usr/bin/env bash
# debian_blender.sh SUITE FOLDER MIRROR: real Blender from Debian SUITE in a root of its own, FOLDER/root, and the
# program FOLDER/blender that runs it. Needs root, debootstrap and unshare. About 1.3 GB and two minutes.
#
# FOLDER/blender enters a private mount namespace in which the machine's folders appear at their usual paths
# (so file names mean the same inside and outside), and leaves no mount behind. There the machine's own root is
# /.host, through which the engine's Python, which Debian SUITE does not have, is started.
# BL_CMD replaces the program that is run (the windowed test starts Xvfb from the same root).
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
suite=$1 folder=$2 mirror=$3
root=$folder/root
mkdir -p "$folder"

if [ ! -e "$folder/bootstrapped" ]; then
  rm -rf "$root"  # half a root from an interrupted run cannot be finished
  debootstrap --variant=minbase "$suite" "$root" "$mirror"
  touch "$folder/bootstrapped"
fi

# no services in there, and none of the files a test machine never reads
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
printf 'path-exclude=/usr/share/%s/*\n' doc man locale > "$root/etc/dpkg/dpkg.cfg.d/slim"
echo "deb $mirror $suite main" > "$root/etc/apt/sources.list"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
ln -sfn /proc/self/mounts "$root/etc/mtab"

# Blender's Python is Debian's: numpy and the extension manager's modules are packages of their own
unshare -m --propagation private bash -euc '
  root=$1
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
  # a frozen mirror answers with release files past their date
  chroot "$root" apt-get -o Acquire::Check-Valid-Until=false update -q
  chroot "$root" apt-get install -y -q --no-install-recommends blender python3-numpy python3-requests \
    python3-zstandard python3-cattr python3-venv libegl1 libgl1-mesa-dri xvfb xauth
  chroot "$root" apt-get clean
' _ "$root"

cat > "$folder/blender.new" <<W
#!/usr/bin/env bash
set -euo pipefail
root='$root'
W
cat >> "$folder/blender.new" <<'W'
PATH=$PATH:/usr/sbin:/sbin
if [ -z "${BL_NS:-}" ]; then
  BL_NS=1 exec unshare -m --propagation private "$0" "$@"
fi
unset BL_NS
mkdir -p "$root/.host"
mount --rbind / "$root/.host"
mount -t proc proc "$root/proc"
for seen in /dev /sys /var/tmp /run/user /etc/ssl/certs /*; do
  case $seen in
    /bin | /boot | /etc | /lib* | /proc | /run | /sbin | /usr | /var) continue ;;  # the root's own
  esac
  if [ -d "$seen" ] && [ ! -L "$seen" ] && ! grep -qF " $root$seen " /proc/self/mounts; then
    mkdir -p "$root$seen"
    mount --rbind "$seen" "$root$seen"
  fi
done
unset LD_LIBRARY_PATH PYTHONHOME PYTHONPATH
exec chroot "$root" /usr/bin/env --chdir="$PWD" PATH=/usr/local/bin:/usr/bin:/bin "${BL_CMD:-/usr/bin/blender}" "$@"
W
chmod +x "$folder/blender.new"
mv "$folder/blender.new" "$folder/blender"
