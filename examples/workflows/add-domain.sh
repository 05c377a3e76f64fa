#!/bin/sh
# A domain more in a phase that is deployed: add it, build again, deploy again. Run it after phase-1.sh.
set -e

# 1. Train the domain elsewhere; its adapter is in models/adapters/technology

# 2. Add to Phase
tara-gguf add-domain 1 technology \
  --adapter-path models/adapters/technology

# 3. Update Status
tara-gguf update-domain technology \
  --status complete --quality 0.94

# 4. Rebuild Phase
tara-gguf build-phase 1

# 5. Deploy
tara-gguf deploy-phase 1 --target "${TARGET:-/meetara/models}"
