#!/bin/sh
# Three phases side by side in one target: the router sees the domains of all. TARA_BASE names the base model, models/adapters/NAME hold the trained adapters.
set -e

build_and_deploy() {
  phase=$1
  shift
  for domain in "$@"; do
    tara-gguf clean-model "models/adapters/$domain"
    tara-gguf update-domain "$domain" --status complete
  done
  tara-gguf build-phase "$phase"
  tara-gguf deploy-phase "$phase" --target "${TARGET:-/meetara/models}"
}

# Phase 1: Core domains
tara-gguf create-phase 1 --domains healthcare,business
build_and_deploy 1 healthcare business

# Phase 2: Educational domains
tara-gguf create-phase 2 --domains education,creative
build_and_deploy 2 education creative

# Phase 3: Leadership domains
tara-gguf create-phase 3 --domains leadership,technology
build_and_deploy 3 leadership technology

tara-gguf list-phases
tara-gguf releases "${TARGET:-/meetara/models}"
