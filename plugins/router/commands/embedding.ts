/** The embedder of a command, where a model for it is named. */

import { embedder, TaraError, type CommandContext, type Embedder } from 'tara-gguf/plugin';

export function findEmbedder({ use }: Pick<CommandContext, 'use'>): Embedder | undefined {
  try {
    return use(embedder);
  } catch (thrown) {
    if (thrown instanceof TaraError && (thrown.code === 'TARA_CAPABILITY_MISSING' || thrown.code === 'TARA_SERVICE_UNKNOWN')) return undefined;
    throw thrown;
  }
}
