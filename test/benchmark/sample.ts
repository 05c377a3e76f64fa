/** A benchmark of SmolLM2-135M's shape, for tests of what is made of one: sizes follow from types, quality and speed are put in. */
import type { Benchmark, BenchmarkRow, BenchmarkTensor, Speed } from '../../src/benchmark/index.js';
import { countTypes, tensorBytes, type GgmlTypeName } from '../../src/formats/index.js';

const LAYERS = 30;
const ROLES = { attn_q: [576, 576], attn_k: [576, 192], attn_v: [576, 192], attn_output: [576, 576], ffn_gate: [576, 1536], ffn_up: [576, 1536], ffn_down: [1536, 576] } as const;

type TypeOf = (role: string, layer: number) => GgmlTypeName;

function tensors(typeOf: TypeOf): BenchmarkTensor[] {
  const tensor = (name: string, ne: readonly number[], type: GgmlTypeName): BenchmarkTensor => ({ name, ne, type, bytes: tensorBytes(type, ne) });
  return [
    tensor('token_embd.weight', [576, 49152], typeOf('token_embd', 0)),
    ...Array.from({ length: LAYERS }, (_, layer) => [
      tensor(`blk.${layer}.attn_norm.weight`, [576], 'f32'),
      ...Object.entries(ROLES).map(([role, ne]) => tensor(`blk.${layer}.${role}.weight`, ne, typeOf(role, layer))),
    ]).flat(),
    tensor('output_norm.weight', [576], 'f32'),
  ];
}

const speed = (bytes: number): Speed => ({ loadMs: 40 + bytes / 2e6, promptTokensPerSecond: 420 + (bytes % 97), decodeTokensPerSecond: 1.1e10 / (bytes + 2e7), memoryBytes: bytes + 9e7 });

function file(name: string, compressionType: string, typeOf: TypeOf) {
  const all = tensors(typeOf);
  const bytes = all.reduce((sum, tensor) => sum + tensor.bytes, 1_760_000);
  const weights = all.reduce((sum, { ne }) => sum + ne.reduce((product, n) => product * n, 1), 0);
  return { name, compressionType, preset: name, bytes, bitsPerWeight: ((bytes - 1_760_000) * 8) / weights, types: countTypes(all), imatrix: compressionType === 'hybrid', tensors: all, evidence: [], speed: speed(bytes) };
}

interface Choice {
  readonly name: string;
  readonly compressionType?: string;
  readonly kld: number;
  readonly typeOf: TypeOf;
}

export const row = ({ name, compressionType = 'standard', kld, typeOf }: Choice): Omit<BenchmarkRow, 'pareto'> => ({
  ...file(name, compressionType, typeOf),
  quality: {
    perplexity: 21.34 * Math.exp(kld), perplexityError: 0.4, bitsPerByte: 1.1, tokens: 6144, chunks: 24,
    kld: { mean: kld, error: kld / 60, median: kld / 3, p90: kld * 2, p95: kld * 4, p99: kld * 9, p999: kld * 20, max: kld * 40, min: 0 },
    topTokenAgreement: 1 - 0.52 * Math.sqrt(kld), topTokenAgreementError: 0.004,
    referencePerplexity: 21.34, referencePerplexityError: 0.4, perplexityRatio: Math.exp(kld), perplexityRatioError: 0.01, logPerplexityDifference: kld, logPerplexityDifferenceError: 0.01, chunkKld: [kld, kld],
  },
});

const all = (type: GgmlTypeName, embedding: GgmlTypeName = 'q8_0'): TypeOf => (role) => (role === 'token_embd' ? embedding : type);
const kquant = (base: GgmlTypeName, down: GgmlTypeName, value: GgmlTypeName): TypeOf => (role, layer) =>
  role === 'token_embd' ? 'q8_0' : role === 'ffn_down' ? (layer < 4 || layer % 3 === 2 ? down : base === 'q5_0' ? 'q4_k' : base) : role === 'attn_v' ? value : base;

/** In no order of size. */
export const CHOICES: readonly Choice[] = [
  { name: 'Q8_0', kld: 0.0053, typeOf: all('q8_0') },
  { name: 'Q2_K', kld: 0.583, typeOf: (role) => (role === 'token_embd' ? 'q8_0' : role === 'ffn_down' ? 'q3_k' : 'q4_0') },
  { name: 'Q4_0', kld: 0.367, typeOf: all('q4_0') },
  { name: 'IQ4_NL', kld: 0.247, typeOf: all('iq4_nl') },
  { name: 'Q4_K_M', kld: 0.0857, typeOf: kquant('q5_0', 'q6_k', 'q8_0') },
  { name: 'Q5_K_M', kld: 0.0867, typeOf: kquant('q5_1', 'q6_k', 'q8_0') },
  { name: 'hybrid 88 MB', compressionType: 'hybrid', kld: 0.085, typeOf: (role, layer) => ({ token_embd: 'q5_1', attn_v: 'q8_0', attn_k: 'q5_1', ffn_down: layer % 4 === 0 ? 'q6_k' : 'q5_k' } as const)[role] ?? 'iq4_nl' },
  { name: 'hybrid 104 MB', compressionType: 'hybrid', kld: 0.033, typeOf: (role, layer) => ({ token_embd: 'q8_0', attn_v: 'q8_0', attn_k: 'q8_0', ffn_down: 'q6_k' } as const)[role] ?? (layer % 5 === 0 ? 'q8_0' : 'q5_0') },
];

const ON_FRONT = new Set(['Q2_K', 'hybrid 88 MB', 'hybrid 104 MB', 'Q8_0']);

export const sampleBenchmark = (rows = CHOICES.map(row)): Benchmark => {
  const { speed: timings, ...reference } = file('F16', 'none', all('f16', 'f16'));
  return {
    model: { path: '/models/base-f16.gguf', name: 'SmolLM2 135M <Instruct>', architecture: 'llama', parameters: 134_515_008 },
    machine: { cpu: 'AMD EPYC', cores: 2, memoryBytes: 24 * 2 ** 30, platform: 'linux-x64', node: '20.20.0' },
    text: ['wikitext2.valid.txt'], imatrix: null, contextSize: 512, chunks: 24, threads: 2, runs: 3, speedTokens: { prompt: 256, decode: 64 },
    reference: { ...reference, speed: timings, quality: { perplexity: 21.34, perplexityError: 0.4, bitsPerByte: 1.1, tokens: 6144, chunks: 24 } },
    rows: rows.map((one) => ({ ...one, pareto: ON_FRONT.has(one.name) })).sort((a, b) => a.bytes - b.bytes),
    seconds: 312, measuredAt: '2026-01-02T03:04:05.000Z',
  };
};
