/** What a build asks of the capability `compressor`; without one, or for standard compression, the preset stands. */
import { TaraError } from '../errors.js';
import { readGguf } from '../formats/index.js';
import type { Compressor } from '../kernel/capabilities.js';
import type { BuildInputs } from './build.js';
import type { Build } from './types.js';

/** The preset that the build is written with. */
export async function proposeTypes(inputs: BuildInputs, build: Build, compressor: Compressor | undefined): Promise<string> {
  if (build.compressionType === 'standard' && inputs.phase.settings.targetSize === null) return build.quantization;
  if (!compressor) throw new TaraError('TARA_COMPRESSION_UNAVAILABLE', { compressionType: build.compressionType, available: 'standard' });
  const tensors = inputs.base.endsWith('.gguf') ? (await readGguf(inputs.base)).tensors.map(({ name, ne, type }) => ({ name, ne: [...ne], type })) : [];
  const proposal = await compressor.propose({
    architecture: 'llama',
    tensors,
    compressionType: build.compressionType,
    quantization: build.quantization,
    budget: inputs.phase.settings.targetSize,
  });
  return proposal.preset;
}
