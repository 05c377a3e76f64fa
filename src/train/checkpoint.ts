/** Where a training stands, in a file that appears whole or not at all: it goes on from there with the same result. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeWhole } from '../write-whole.js';

const progressSchema = z.strictObject({
  /** Of the training: files, texts and settings. Another one does not go on from here. */
  key: z.string(),
  steps: z.number().int().nonnegative(),
  /** Spent on steps. */
  seconds: z.number().nonnegative(),
  /** On the texts that it stops by, in nats. */
  first: z.number(),
  best: z.number(),
  bestStep: z.number().int().nonnegative(),
  /** Measurements since the best one. */
  stale: z.number().int().nonnegative(),
  history: z.array(z.strictObject({ step: z.number(), seconds: z.number(), loss: z.number(), heldOut: z.number() })),
});

export type Standing = z.infer<typeof progressSchema>;

export interface Checkpoint {
  readonly standing: Standing;
  /** The optimizer's state. */
  readonly state: Uint8Array;
  /** The state with the least divergence so far. */
  readonly best: Uint8Array;
}

/** Throws TARA_WRITE_FAILED, TARA_DISK_FULL; what was there before stays then. */
export function writeCheckpoint(path: string, { standing, state, best }: Checkpoint): Promise<void> {
  const line = Buffer.from(`${JSON.stringify(standing)}\n`);
  return writeWhole(path, [line, state, best], { bytes: line.length + state.length + best.length });
}

/** Null where there is none of this training, whatever the file holds. */
export async function readCheckpoint(path: string, key: string, stateBytes: number): Promise<Checkpoint | null> {
  const bytes = await readFile(path).catch(() => null);
  const end = bytes?.indexOf(0x0a) ?? -1;
  if (!bytes || end < 0 || bytes.length !== end + 1 + 2 * stateBytes) return null;
  try {
    const standing = progressSchema.parse(JSON.parse(bytes.toString('utf8', 0, end)));
    if (standing.key !== key) return null;
    return { standing, state: bytes.subarray(end + 1, end + 1 + stateBytes), best: bytes.subarray(end + 1 + stateBytes) };
  } catch {
    return null;
  }
}
