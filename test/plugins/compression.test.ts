import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestHost, type TestHost } from 'tara-gguf/testing';
import { compressor, type CompressionRequest, type CompressorTensor } from 'tara-gguf/plugin';
import plugin from '../../plugins/compression/index.js';
import { estimateSize, PRESET_RULES, realType } from '../../plugins/compression/presets.js';

/** A Llama-shaped model: `layers` layers of width `width`, tied embedding. */
function tensors(width: number, layers = 4, vocabulary = 1000): CompressorTensor[] {
  const matrix = (name: string, rows: number, columns = width): CompressorTensor => ({ name, ne: [columns, rows], type: 'f16' });
  return [
    matrix('token_embd.weight', vocabulary),
    ...Array.from({ length: layers }, (_, i) => [
      ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) => matrix(`blk.${i}.${name}.weight`, width)),
      matrix(`blk.${i}.ffn_up.weight`, width * 4), matrix(`blk.${i}.ffn_gate.weight`, width * 4), matrix(`blk.${i}.ffn_down.weight`, width, width * 4),
      { name: `blk.${i}.attn_norm.weight`, ne: [width], type: 'f32' },
    ]).flat(),
    { name: 'output_norm.weight', ne: [width], type: 'f32' },
  ];
}

const request = (more: Partial<CompressionRequest> = {}): CompressionRequest => ({ architecture: 'llama', tensors: tensors(576), compressionType: 'standard', quantization: 'Q4_K_M', budget: null, ...more });
const sizes = (width: number) => PRESET_RULES.map((rule) => estimateSize(rule, tensors(width)));

let host: TestHost;
beforeAll(async () => {
  host = await createTestHost({ plugins: [plugin] });
});
afterAll(() => host.stop());

describe('propose', () => {
  it('keeps the preset and says which types it really becomes', async () => {
    const proposal = await host.use(compressor).propose(request({ quantization: 'q4_k_m' }));
    expect(proposal).toMatchObject({ preset: 'Q4_K_M', types: {}, bytes: null });
    expect(proposal.evidence.join('\n')).toMatch(/q5_0 x \d+[\s\S]*no multiple of 256[\s\S]*q4_k q5_0[\s\S]*not measured/);
    const even = await host.use(compressor).propose(request({ tensors: tensors(512) }));
    expect(even.evidence.join('\n')).toMatch(/q4_k x \d+/);
    expect(even.evidence.join('\n')).not.toContain('no multiple');
  });

  it('keeps what was asked for while it fits a budget, else takes the preset with the most bits that does', async () => {
    const budget = sizes(512).find(({ preset }) => preset === 'Q5_K_S')?.bytes ?? 0;
    const kept = await host.use(compressor).propose(request({ tensors: tensors(512), budget }));
    expect(kept).toMatchObject({ preset: 'Q4_K_M' });
    expect(kept.evidence[0]).toBe(`Q4_K_M, as asked, fits ${budget} bytes`);
    const proposal = await host.use(compressor).propose(request({ tensors: tensors(512), quantization: 'Q8_0', budget }));
    expect(proposal).toMatchObject({ preset: 'Q5_K_S', bytes: budget });
    expect(proposal.evidence[0]).toBe(`Q5_K_S is the preset with the most bits per weight that fits ${budget} bytes (Q8_0 does not)`);
    await expect(host.use(compressor).propose(request({ budget: 1000 }))).rejects.toMatchObject({ code: 'TARA_COMPRESSION_BUDGET', fields: { budget: 1000 } });
    await expect(host.use(compressor).propose(request({ budget: 0 }))).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID' });
  });

  it('says so when the budget cannot be checked', async () => {
    const proposal = await host.use(compressor).propose(request({ tensors: [], budget: 5_000_000 }));
    expect(proposal).toMatchObject({ preset: 'Q4_K_M', bytes: null });
    expect(proposal.evidence).toContain('the budget of 5000000 bytes was not checked: the tensors are not known yet');
  });

  it('refuses what it cannot do yet', async () => {
    await expect(host.use(compressor).propose(request({ compressionType: 'distilled', budget: 1e9 }))).rejects.toMatchObject({ code: 'TARA_COMPRESSION_UNAVAILABLE', fields: { compressionType: 'distilled' } });
    await expect(host.use(compressor).propose(request({ compressionType: 'sparse' }))).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: '--text' } });
  });

  it('chooses only from the configured presets', async () => {
    await using limited = await createTestHost({ plugins: [plugin], config: { compression: { presets: ['q2_k', 'Q8_0'] } } });
    expect((await limited.use(compressor).propose(request({ tensors: tensors(512), budget: 1e9 }))).preset).toBe('Q8_0');
  });
});

describe('sizes', () => {
  it('grow with the bits of a preset and are those of ggml', () => {
    const one: CompressorTensor[] = [{ name: 'blk.0.ffn_up.weight', ne: [256, 64], type: 'f16' }];
    const rule = PRESET_RULES.find(({ name }) => name === 'Q4_K_M');
    expect(rule && estimateSize(rule, one).bytes).toBe(64 * 144 + 96);
    const bytes = (preset: string) => sizes(512).find((size) => size.preset === preset)?.bytes ?? 0;
    expect(['Q2_K', 'Q3_K_M', 'Q4_K_M', 'Q5_K_M', 'Q6_K', 'Q8_0', 'F16'].map(bytes)).toEqual(['Q2_K', 'Q3_K_M', 'Q4_K_M', 'Q5_K_M', 'Q6_K', 'Q8_0', 'F16'].map(bytes).sort((a, b) => a - b));
  });

  it('fall back where blocks do not divide the row', () => {
    expect(realType('q4_k', 512)).toBe('q4_k');
    expect(realType('q4_k', 576)).toBe('q5_0');
    expect(realType('q6_k', 640)).toBe('q8_0');
    expect(realType('q2_k', 33)).toBe('f16');
    expect(realType('q8_0', 33)).toBe('f16');
  });

  it('are positive whole bytes for any shape', () => {
    const shape = fc.array(fc.integer({ min: 1, max: 4096 }), { minLength: 1, maxLength: 3 });
    fc.assert(fc.property(shape, fc.constantFrom(...PRESET_RULES), (ne, rule) => {
      expect(estimateSize(rule, [{ name: 'a.weight', ne, type: 'f16' }]).bytes).toSatisfy((bytes: number) => Number.isInteger(bytes) && bytes > 0);
    }));
  });
});

describe('the estimate on SmolLM2-135M', () => {
  it('is at least the size llama-quantize gives, and at most 7 % more', () => {
    const matrix = (name: string, columns: number, rows: number): CompressorTensor => ({ name, ne: [columns, rows], type: 'f16' });
    const model = [
      matrix('token_embd.weight', 576, 49152),
      ...Array.from({ length: 30 }, (_, i) => [
        matrix(`blk.${i}.attn_q.weight`, 576, 576), matrix(`blk.${i}.attn_k.weight`, 576, 192), matrix(`blk.${i}.attn_v.weight`, 576, 192), matrix(`blk.${i}.attn_output.weight`, 576, 576),
        matrix(`blk.${i}.ffn_up.weight`, 576, 1536), matrix(`blk.${i}.ffn_gate.weight`, 576, 1536), matrix(`blk.${i}.ffn_down.weight`, 1536, 576),
        { name: `blk.${i}.attn_norm.weight`, ne: [576], type: 'f32' }, { name: `blk.${i}.ffn_norm.weight`, ne: [576], type: 'f32' },
      ]).flat(),
      { name: 'output_norm.weight', ne: [576], type: 'f32' },
    ];
    const ratios: Record<string, number> = {};
    // Megabytes that llama-quantize v0.5.0 wrote.
    for (const [preset, real] of Object.entries({ Q2_K: 88.2, Q4_0: 91.7, IQ4_NL: 91.9, Q4_K_M: 105.5, Q5_K_M: 112 })) {
      const rule = PRESET_RULES.find(({ name }) => name === preset);
      const ratio = rule === undefined ? 0 : estimateSize(rule, model).bytes / (real * 1e6);
      ratios[preset] = ratio;
    }
    expect(ratios).toSatisfy((found: Record<string, number>) => Object.values(found).every((ratio) => ratio >= 0.995 && ratio <= 1.07));
  });
});
