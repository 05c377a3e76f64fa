/** A search as an answer of the capability `compressor`. */

import { TaraError, type CompressionProposal, type CompressionRequest } from 'tara-gguf/plugin';
import { searchSparse, type SparseResult } from './index.js';
import type { MeasuredFile } from './judge.js';
import { structureName, type Cut } from './world.js';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const cutName = ({ tokens, ...structure }: Cut): string => `${tokens} tokens, ${structureName(structure)}`;

function fileLine(name: string, { preset, bytes, bitsPerByte, loss, speed }: MeasuredFile, before: MeasuredFile): string {
  const against = before.bitsPerByte === bitsPerByte ? '' : ` (${(bitsPerByte / before.bitsPerByte).toFixed(3)} of before, ${loss.toFixed(4)} nats a token more)`;
  return `${name}: ${preset}, ${megabytes(bytes)} (${(bytes / before.bytes).toFixed(3)}), ${bitsPerByte.toFixed(4)} bits per byte${against}${speed ? `, decodes ${speed.decode.toFixed(1)} and reads ${speed.prompt.toFixed(0)} tokens a second` : ''}`;
}

function evidenceOf({ cut, before, pruned, untaught, recovery, shipped, plain, plainWins, tokensPerByte: { inside, outside }, structures, front }: SparseResult): string[] {
  const longer = ([whole, less]: readonly [number, number]): string => `${whole.toFixed(4)} to ${less.toFixed(4)} (${percent(less / whole - 1)} more)`;
  return [
    plainWins && plain
      ? `${plain.preset} with nothing cut predicts the judged text better than ${cutName(cut)} in as many bytes: it is what is written`
      : `cut to ${cutName(cut)}`,
    fileLine('before', before, before),
    ...(pruned ? [fileLine('cut, not refitted', pruned, before)] : []),
    ...(untaught ? [fileLine('cut, not taught', untaught, before)] : []),
    fileLine(untaught ? 'cut and taught' : 'cut', shipped, before),
    recovery,
    ...(plain ? [fileLine('nothing cut, no larger', plain, before)] : ['no preset with nothing cut is as small']),
    `tokens a byte: ${longer(inside)} on the judged text, ${longer(outside)} on text of other kinds`,
    ...structures.filter(({ loss }) => loss > 0).map(({ loss, unhealed, ...structure }) => `${structureName(structure)}: KL divergence ${loss.toFixed(4)}${unhealed === null ? '' : `, ${unhealed.toFixed(4)} before refitting`}`),
    ...front.map(({ cut: one, bytes, loss }) => `best in ${megabytes(bytes)} (${(bytes / before.bytes).toFixed(3)}): ${cutName(one)}, expected loss ${loss.toFixed(4)} nats a token`),
  ];
}

/** Throws TARA_OPTION_INVALID without texts, and what searchSparse throws. */
export async function proposeSparse({ measuring, quantization, budget, goal, sparsity, minutes, signal }: CompressionRequest): Promise<CompressionProposal> {
  if (!measuring || measuring.texts.length === 0) throw new TaraError('TARA_OPTION_INVALID', { option: '--text', reason: 'sparse compression measures: give calibration text' });
  if (measuring.imatrix !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--imatrix', reason: 'it is of the whole model; sparse compression takes none' });
  if (goal?.agreement !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option: '--quality-threshold', reason: 'another vocabulary has other tokens to agree on; give --max-kl' });
  const preset = quantization.toUpperCase();
  const result = await searchSparse({ ...measuring, preset, bytes: budget ?? undefined, sparsity, loss: goal?.kld, minutes, signal });
  const { pruning, taught, plain, plainWins, bytes, structures, ...rest } = result;
  const report = { ...rest, plain, plainWins, bytes, structures };
  if (plainWins && plain) return { preset: plain.preset, types: {}, bytes: plain.bytes, evidence: evidenceOf(result), report };
  return { preset, types: {}, bytes, pruning, ...(taught !== null && { file: taught }), evidence: evidenceOf(result), report };
}
