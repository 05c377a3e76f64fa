/** inspect on files whose metadata is odd: what is not there is null, and nothing is believed that does not fit together. */
import { describe, expect, it } from 'vitest';
import { type HeaderEntry, inspect, type InspectedGguf } from '../../src/formats/index.js';
import { gguf, scratch, type Shapes } from './helpers.js';

const files = scratch();
const text = (key: string, value: string): HeaderEntry => ({ key, type: 'string', value });
const texts = (key: string, items: string[]): HeaderEntry => ({ key, type: 'array', value: { of: 'string', items } });
const look = async (entries: readonly HeaderEntry[], shapes: Shapes = []): Promise<InspectedGguf> => {
  const path = await files.write('model.gguf', gguf([text('general.architecture', 'llama'), ...entries], shapes));
  return (await inspect(path)) as InspectedGguf;
};
const hash = (digit: string): string => digit.repeat(64);

describe('provenance', () => {
  it('is null where a file says nothing of it', async () => {
    expect(await look([text('general.name', 'plain')])).toMatchObject({ provenance: null, lora: null, parameters: 0, bitsPerWeight: 0 });
  });

  it('pairs the last sources with the adapters and leaves the others to the base', async () => {
    const { provenance } = await look([
      { key: 'tara.phase', type: 'uint32', value: 3 }, text('tara.layout', 'merged'), text('tara.base', 'SmolLM2'), text('tara.merge', '{"method":"ties"}'), text('tara.version', '1.2.3'),
      texts('tara.domains', ['healthcare', 'business']), { key: 'tara.weights', type: 'array', value: { of: 'float32', items: [0.5, 0.25] } },
      texts('tara.sources', ['1', '2', '3', '4'].map((digit) => `sha256:${hash(digit)}`)),
      text('general.source.url', 'https://example.org'), { key: 'general.base_model.count', type: 'uint32', value: 1 },
    ]);
    expect(provenance).toEqual({
      tool: '1.2.3', phase: 3, layout: 'merged', merge: '{"method":"ties"}',
      base: [{ name: 'SmolLM2', sha256: hash('1') }, { name: 'SmolLM2', sha256: hash('2') }],
      adapters: [{ name: 'healthcare', weight: 0.5, sha256: hash('3') }, { name: 'business', weight: 0.25, sha256: hash('4') }],
      others: { 'general.source.url': 'https://example.org', 'general.base_model.count': '1' },
    });
  });

  it('takes lists of other types, lengths and texts for what they are', async () => {
    const { provenance } = await look([
      texts('tara.domains', ['a', 'b']), { key: 'tara.weights', type: 'array', value: { of: 'float32', items: [2] } },
      { key: 'tara.sources', type: 'array', value: { of: 'uint32', items: [1] } }, { key: 'tara.version', type: 'uint32', value: 7 }, text('tara.phase', 'one'),
    ]);
    expect(provenance).toMatchObject({ tool: null, phase: null, base: [], adapters: [{ name: 'a', weight: 2, sha256: null }, { name: 'b', weight: null, sha256: null }] });
    const wrong = await look([texts('tara.sources', ['sha256:short', 'md5:x', `sha256:${hash('g')}`])]);
    expect(wrong.provenance?.base.map(({ sha256 }) => sha256)).toEqual([null, null, null]);
    const many = await look([texts('tara.domains', Array.from({ length: 2000 }, String))]);
    expect(many.provenance?.adapters).toEqual([]);
  });
});

describe('a GGUF LoRA', () => {
  const kind = [text('general.type', 'adapter'), text('adapter.type', 'lora')];
  it('tells its alpha, its modules and the span of its ranks', async () => {
    const shapes: Shapes = [['a.weight.lora_a', 'f32', 32, 4], ['a.weight.lora_b', 'f32', 4, 64], ['b.weight.lora_a', 'f32', 32, 8], ['b.weight.lora_b', 'f32', 8, 64]];
    expect(await look([...kind, { key: 'adapter.lora.alpha', type: 'float32', value: 16 }], shapes)).toMatchObject({ lora: { alpha: 16, modules: 2, ranks: [4, 8] }, parameters: 32 * 12 + 64 * 12 });
    expect(await look(kind)).toMatchObject({ lora: { alpha: null, modules: 0, ranks: null } });
    expect(await look([text('general.type', 'adapter')])).toMatchObject({ lora: null });
  });
});
