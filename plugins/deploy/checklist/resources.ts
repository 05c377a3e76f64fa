/** There is room for the models in memory, and for one more release on the disk. */
import { stat } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { freeBytes } from '../disk.js';
import type { Check } from './types.js';

/** Weights, and what a context and its computation need beside them. */
const MEMORY_FACTOR = 1.3;
const MEMORY_FIXED = 256 * 2 ** 20;

/** The nearest folder that exists. */
async function existing(path: string): Promise<string> {
  const there = await stat(path).then(() => true, () => false);
  return there || dirname(path) === path ? path : existing(dirname(path));
}

export const resources: Check = {
  item: 'headroom',
  title: 'Memory and disk headroom',
  async run({ files, target }) {
    const sizes = await Promise.all(files.map(({ path }) => stat(path).then(({ size }) => size)));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const memory = Math.round(bytes * MEMORY_FACTOR + MEMORY_FIXED);
    const disk = 2 * bytes;
    const [freeMemory, freeDisk] = [freemem(), await freeBytes(await existing(target))];
    const ok = freeMemory >= memory && freeDisk >= disk;
    const gigabytes = (value: number) => `${(value / 1e9).toFixed(1)} GB`;
    return {
      ok,
      finding: `memory ${gigabytes(freeMemory)} free, ${gigabytes(memory)} needed; disk ${gigabytes(freeDisk)} free, ${gigabytes(disk)} needed for two releases`,
      evidence: { bytes, freeMemory, totalMemory: totalmem(), neededMemory: memory, freeDisk, neededDisk: disk },
    };
  },
};
