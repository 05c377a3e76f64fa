/** The build keeps to the phase's size and quality, and its quality was measured. */
import type { Check } from './types.js';

interface Compared {
  readonly base: number | null;
  readonly build: number;
}

/** Losses of the build beside the base's, by domain, as build-phase measured them. */
function comparedOf(quality: Readonly<Record<string, unknown>> | null): Readonly<Record<string, Compared>> {
  const { compared } = quality ?? {};
  return typeof compared === 'object' && compared !== null ? compared as Record<string, Compared> : {};
}

export const compression: Check = {
  item: 'compression-optimized',
  title: 'Compression settings optimized',
  run({ phase, build }) {
    const { targetSize } = phase.settings;
    const compared = comparedOf(build.quality);
    const worse = Object.entries(compared).filter(([, { base, build: own }]) => base !== null && own > base).map(([name]) => name);
    const tooLarge = targetSize !== null && build.bytes !== null && build.bytes > targetSize;
    const unmeasured = build.quality === null;
    const problems = [
      ...(tooLarge ? [`${build.bytes} bytes, ${targetSize} were asked for`] : []),
      ...(unmeasured ? ['its quality was not measured: give domains their lines (add-domain --text) and build again'] : []),
      ...(worse.length === 0 ? [] : [`worse than the base on ${worse.join(', ')}`]),
    ];
    const ok = problems.length === 0;
    return Promise.resolve({
      ok,
      finding: ok ? `${build.quantization} (${build.compressionType}), ${build.bytes} bytes, no domain worse than the base` : problems.join('; '),
      evidence: { build: build.id, quantization: build.quantization, compressionType: build.compressionType, bytes: build.bytes, ratio: build.ratio, targetSize, quality: build.quality },
    });
  },
};
