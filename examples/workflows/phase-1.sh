#!/bin/sh
# The complete workflow of one phase. TARA_BASE names the base model, models/adapters/NAME hold the trained adapters.
set -e

# 1. Create Phase 1
tara-gguf create-phase 1 --domains healthcare,business

# 2. Clean models
tara-gguf clean-model models/adapters/healthcare
tara-gguf clean-model models/adapters/business

# 3. Update status
tara-gguf update-domain healthcare --status complete --quality 0.97
tara-gguf update-domain business --status complete --quality 0.95

# 4. Build GGUF
tara-gguf build-phase 1 --quantization Q4_K_M

# 5. Deploy
tara-gguf deploy-phase 1 --target "${TARGET:-/meetara/models}"
