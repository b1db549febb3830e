#!/bin/bash
# Installs what gradus needs and this machine lacks: Debian packages, and the torch wheel in a cache folder outside the
# clone. Quick when nothing is missing; an interrupted run starts cleanly again.
#   scripts/setup.sh [--dev]    --dev: also what the checks of style and sizes need
#   GRADUS_CACHE=DIR            where the wheel goes (default ~/.cache/gradus)
#   GRADUS_TORCH=DIR            a site-packages folder that already holds torch 2.11 (torch/ and nvidia/)
#   GRADUS_SKIP_PACKAGES=1      leave system packages alone, e.g. on a cluster with modules
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

packages=(g++ cmake ninja-build ccache pkg-config python3 python3-venv python3-numpy python3-sympy
          openmpi-bin libopenmpi-dev libhdf5-dev libyaml-cpp-dev libfmt-dev doctest-dev nlohmann-json3-dev
          libcli11-dev libasio-dev libpcre2-dev libutf8proc-dev libgmp-dev libflint-dev libflint-arb-dev libudunits2-dev
          libssl-dev libseccomp-dev libprotobuf-dev protobuf-compiler)
case "${1:-}" in
  '') ;;
  --dev) packages+=(clang-format-14 universal-ctags) ;;
  *) echo "usage: scripts/setup.sh [--dev]" >&2; exit 2 ;;
esac

say() { printf 'setup: %s (%d s)\n' "$*" "$SECONDS"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

install_packages() {
  if ! command -v dpkg-query > /dev/null; then
    say "no Debian package system here; expecting the equivalents of: ${packages[*]}"
    return
  fi
  local missing as_root=()
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    { command -v sudo > /dev/null && { [ -t 0 ] || sudo -n true 2> /dev/null; }; } ||
      die "missing packages, and no right to install them. Ask for: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing Debian packages, which takes a few minutes: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq < /dev/null
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io \
    "${missing[@]}" < /dev/null > /dev/null
}

has_torch() { # SITE_PACKAGES
  # nccl.h needs the headers of nvidia-cuda-crt and nvidia-cuda-cccl, which torch itself does not ask for.
  compgen -G "$1/nvidia/cu1*/include/crt/host_defines.h" > /dev/null &&
    compgen -G "$1/nvidia/cu1*/include/nv/target" > /dev/null &&
  compgen -G "$1/nvidia/cu1*/lib/libcudart.so.*" > /dev/null && compgen -G "$1/nvidia/cu1*/lib/libcupti.so.*" > /dev/null &&
    [ -e "$1/torch/lib/libtorch_cpu.so" ] && [ -e "$1/nvidia/nccl/lib/libnccl.so.2" ]
}

# The wheel is installed beside its place and renamed, so that the folder either is complete or does not exist.
install_torch() {
  local cache=${GRADUS_CACHE:-$HOME/.cache/gradus} folder partial free_mb python
  folder=$cache/torch-2.11.0 partial=$cache/torch-2.11.0.partial
  mkdir -p "$cache"
  exec 9> "$cache/setup.lock"
  flock -n 9 || { say "waiting for another set-up in $cache"; flock 9; }
  local site
  for site in "$folder"/lib/python3*/site-packages; do
    if has_torch "$site"; then return 0; fi
  done
  rm -rf "$folder" "$partial"
  free_mb=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
  [ "$free_mb" -ge 7000 ] || die "$cache has $free_mb MB free; the torch wheel needs 7000. Set GRADUS_CACHE."
  python=/usr/bin/python3
  [ -x "$python" ] || python=python3
  say "installing the torch 2.11.0 wheel and its CUDA libraries into $folder (a download of 2 GB)"
  "$python" -m venv "$partial"
  "$partial/bin/python" -m pip install --no-input --no-deps --no-compile --no-cache-dir --progress-bar off \
    -r "$scripts/torch.txt" 9>&- < /dev/null | grep --line-buffered -E '^(Collecting|  Downloading|Installing|Success)' ||
    die "pip could not install the wheel; run scripts/setup.sh again"
  rm -f "$partial"/lib/python3*/site-packages/nvidia/*/lib/*.a
  for site in "$partial"/lib/python3*/site-packages; do
    has_torch "$site" || die "the torch wheel for this machine lacks libraries; see $partial"
  done
  mv "$partial" "$folder"
}

[ -n "${GRADUS_SKIP_PACKAGES:-}" ] || install_packages
if [ -n "${GRADUS_TORCH:-}" ]; then
  has_torch "$GRADUS_TORCH" ||
    die "GRADUS_TORCH=$GRADUS_TORCH is no site-packages folder with torch 2.11 and its nvidia/ libraries"
else
  install_torch
fi
say "ready"
