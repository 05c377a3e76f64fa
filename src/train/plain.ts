/** What a distilled file stands beside: the teacher's plain preset of the same size, and how fast each answers. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DECODE_TOKENS, measureSpeed, PROMPT_TOKENS } from '../benchmark/index.js';
import { convert, modelSizes } from '../convert/index.js';
import type { Engine } from '../engine/index.js';
import type { Speeds } from './types.js';

/** The largest preset within so many bytes, else the smallest. */
async function presetWithin(teacher: string, bytes: number, signal: AbortSignal | undefined): Promise<string | undefined> {
  const presets = [...(await modelSizes(teacher, [], { signal })).presets].sort((a, b) => a.bytes - b.bytes);
  return (presets.findLast((preset) => preset.bytes <= bytes) ?? presets[0])?.preset;
}

/** Writes it for the while of `use`; null where the teacher has no preset. */
export async function withPlain<T>(teacher: string, bytes: number, workDir: string, options: { readonly threads?: number | undefined; readonly signal?: AbortSignal | undefined }, use: (path: string, preset: string, bytes: number) => Promise<T>): Promise<T | null> {
  const preset = await presetWithin(teacher, bytes, options.signal);
  if (preset === undefined) return null;
  const path = join(workDir, 'plain.gguf');
  try {
    const { files } = await convert({ base: teacher, adapters: [], outputs: [{ id: 'plain', path, type: preset }] }, options);
    return await use(path, preset, files[0]?.bytes ?? 0);
  } finally {
    await rm(path, { force: true });
  }
}

const RUNS = 3;

/** Of a prompt of 256 tokens and 64 that follow, or of as many as the text has. */
export async function speedsOf(engine: Engine, path: string, text: string, { threads, signal }: { readonly threads?: number | undefined; readonly signal?: AbortSignal | undefined }): Promise<Speeds> {
  const { promptTokensPerSecond, decodeTokensPerSecond } = await measureSpeed({ engine, path, text, promptTokens: PROMPT_TOKENS, decodeTokens: DECODE_TOKENS, threads, runs: RUNS, signal });
  return { promptTokensPerSecond, decodeTokensPerSecond };
}
