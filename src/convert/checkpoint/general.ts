/** The general.* keys that describe a model to people. They do not change how it computes. */
import { basename } from 'node:path';
import type { MetadataEntry } from '../../plan/schema.js';
import { f32, i32, text } from '../entries.js';
import { readObject, readText } from './files.js';

/** generation_config.json's names for what GGUF stores below general.sampling. */
const SAMPLING: readonly (readonly [keys: readonly string[], to: string, make: (key: string, value: number) => MetadataEntry])[] = [
  [['top_k'], 'top_k', i32],
  [['top_p'], 'top_p', f32],
  [['min_p'], 'min_p', f32],
  [['xtc_probability'], 'xtc_probability', f32],
  [['xtc_threshold'], 'xtc_threshold', f32],
  [['temperature'], 'temp', f32],
  [['penalty_last_n'], 'penalty_last_n', i32],
  [['penalty_repeat', 'repetition_penalty'], 'penalty_repeat', f32],
  [['mirostat'], 'mirostat', i32],
  [['mirostat_tau'], 'mirostat_tau', f32],
  [['mirostat_eta'], 'mirostat_eta', f32],
];

/** "llama-tied-bpe" as "Llama Tied Bpe"; words with capitals or digits in front stay as they are. */
export const titleOf = (folder: string): string =>
  folder
    .trim()
    .replaceAll('-', ' ')
    .split(/\s+/)
    .map((word) => (word === word.toLowerCase() && !/^(v\d|\d)/.test(word) ? word.charAt(0).toUpperCase() + word.slice(1) : word))
    .join(' ');

/** A number of parameters with two significant digits or more: 135M, 2.7M. */
export function sizeLabel(parameters: number): string {
  const [scale, suffix] = parameters > 1e12 ? [1e12, 'T'] : parameters > 1e9 ? [1e9, 'B'] : parameters > 1e6 ? [1e6, 'M'] : [1e3, 'K'];
  const scaled = parameters / Number(scale);
  const whole = String(Math.round(scaled)).replace(/^0+/, '');
  return `${scaled.toFixed(Math.max(2 - whole.length, 0))}${suffix}`;
}

/** The license that the model card's front matter names. */
async function licenseOf(dir: string): Promise<string | undefined> {
  const card = await readText(dir, 'README.md');
  const front = card?.startsWith('---\n') ? card.slice(4).split(/^---$/m)[0] : undefined;
  return front?.match(/^license:\s*["']?([\w.+-]+)["']?\s*$/m)?.[1];
}

/** The keys between general.architecture and the architecture's own. `name` takes the place of the folder's name. */
export async function generalEntries(dir: string, parameters: number, name?: string): Promise<MetadataEntry[]> {
  const generation = (await readObject(dir, 'generation_config.json')) ?? {};
  const license = await licenseOf(dir);
  const sampling = SAMPLING.flatMap(([keys, to, make]) => {
    const value = keys.map((key) => generation[key]).find((found) => found != null);
    const fits = typeof value === 'number' && Number.isFinite(value) && (make !== i32 || Number.isInteger(value));
    return fits ? [make(`general.sampling.${to}`, value)] : [];
  });
  return [
    text('general.type', 'model'),
    ...sampling,
    text('general.name', name ?? (titleOf(basename(dir)) || 'Model')),
    text('general.size_label', sizeLabel(parameters)),
    ...(license === undefined ? [] : [text('general.license', license)]),
  ];
}
