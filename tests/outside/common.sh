# What the scripts of this folder share; sourced by each.
# A script ends with 0 if its test passed, 77 if this machine can't run it (its last line says why),
# anything else if it failed. SEED fixes what is sent and when; FANFARE and OUTSIDE name the two
# binaries, else they are built.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
seed=${SEED:-1}

left_out() {
  echo "left out: $*"
  exit 77
}

needs_root() {
  [ "$(id -u)" -eq 0 ] || left_out "it mounts file systems and needs root for that"
}

needs() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || left_out "there is no $tool on this machine"
  done
}

build() {
  cd "$repository"
  if [ -z "${FANFARE:-}" ]; then
    cargo build --locked --quiet --release
    FANFARE=$target/release/fanfare
  fi
  if [ -z "${OUTSIDE:-}" ]; then
    cargo build --locked --quiet --example outside
    OUTSIDE=$target/debug/examples/outside
  fi
}

# The folder of a run: gone with the script, unless the test failed.
mounted=
work=
tidy_up() {
  local code=$?
  if [ -n "$mounted" ]; then
    umount "$mounted" || umount -l "$mounted" || true
  fi
  if [ -n "$work" ] && { [ "$code" -eq 0 ] || [ "$code" -eq 77 ]; }; then
    rm -rf "$work"
  fi
}
trap tidy_up EXIT
work=$(mktemp -d)
mkdir "$work/run"

# Runs one test, at most as many seconds as the first word says.
outside() {
  local most=$1
  shift
  timeout --kill-after=10 "$most" "$OUTSIDE" --server "$FANFARE" --work "$work/run" --seed "$seed" "$@"
}

# Runs one drill of a Python file, at most as many seconds as the first word says.
drill() {
  local most=$1 file=$2 name=$3
  shift 3
  timeout --kill-after=10 "$most" python3 "$repository/tests/outside/$file.py" "$name" "$FANFARE" "$work/run" "$@"
}
