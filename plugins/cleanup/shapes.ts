/** Compares a configuration with the tensors of a checkpoint: what is missing, and what contradicts. */
import { familyOf, isSize, keysOf, prefixIn, sizesOf, tensorRules, type Family, type Sizes } from './architecture.js';
import type { Findings } from './findings.js';
import type { JsonObject } from './json-text.js';
import { layersIn, votesOf, type ShapedTensor, type Votes } from './observe.js';

/** llama.cpp loads no more. */
const MOST_LAYERS = 512;

export interface Checkpoint {
  readonly config: JsonObject;
  readonly tensors: ReadonlyMap<string, ShapedTensor & { readonly file: string }>;
  /** The file that a tensor belongs in, for one that is missing. */
  readonly weightsPath: string;
  /** Whether a tensor's absence is explained by a file that is missing. */
  isExcused(name: string): boolean;
}

export function checkShapes(findings: Findings, { config, tensors, weightsPath, isExcused }: Checkpoint): void {
  const family = familyOf(config.model_type);
  if (family === undefined) return;
  for (const key of Object.values(family.keys) as (string | null)[]) {
    const value = key === null || key === family.keys.layers ? undefined : config[key];
    if (value != null && !isSize(value)) findings.report('SHAPE_MISMATCH', 'config.json', 'error', `${key ?? ''} is ${JSON.stringify(value).slice(0, 40)}; a whole number from 1 is needed`);
  }
  const prefix = prefixIn(family, tensors);
  const inTensors = layersIn(family, prefix, tensors.keys());
  const layersKey = family.keys.layers;
  const stated = config[layersKey] ?? inTensors;
  if (!isSize(stated) || stated > MOST_LAYERS) {
    findings.report('SHAPE_MISMATCH', 'config.json', 'error', `${layersKey} is ${JSON.stringify(stated)}; a whole number from 1 to ${MOST_LAYERS} is needed`);
    return;
  }
  if (inTensors > stated) findings.report('SHAPE_MISMATCH', 'config.json', 'error', `${layersKey} is ${stated}, the weights have ${inTensors} layers`);
  const tied = config.tie_word_embeddings == null ? family.tiedByDefault : config.tie_word_embeddings === true;
  const rules = tensorRules(family, config, { layers: Math.min(Math.max(stated, inTensors), MOST_LAYERS), prefix, tied });
  for (const { name, shape, required } of rules) {
    const tensor = tensors.get(name);
    const layer = name.startsWith(prefix + family.layerName) ? Number.parseInt(name.slice((prefix + family.layerName).length), 10) : 0;
    if (tensor === undefined && required && layer < stated && !isExcused(name)) {
      findings.report('MISSING_TENSOR', weightsPath, 'error', `tensor ${name} is missing`);
    } else if (tensor !== undefined && tensor.shape.length !== shape.length) {
      findings.report('SHAPE_MISMATCH', tensor.file, 'error', `tensor ${name} has shape [${tensor.shape.join(', ')}], ${shape.length} dimensions are expected`);
    }
  }
  contradictions(findings, { family, sizes: sizesOf(family, config), votes: votesOf(rules, tensors), fileOf: (name) => tensors.get(name)?.file ?? weightsPath });
}

interface Contest {
  readonly family: Family;
  readonly sizes: Sizes;
  readonly votes: Votes;
  fileOf(name: string): string;
}

/** A size that no tensor has is the configuration's fault; one that some have, those tensors' that have not. */
function contradictions(findings: Findings, { family, sizes, votes, fileOf }: Contest): void {
  const blamed = new Set<string>();
  for (const [dimension, found] of votes) {
    const expected = sizes[dimension];
    if (expected === undefined || (found.size === 1 && found.has(expected))) continue;
    const keys = keysOf(family, dimension);
    if (!found.has(expected)) {
      const [[size, names] = [0, []]] = [...found].sort((a, b) => b[1].length - a[1].length);
      if (!blamed.has(keys)) findings.report('SHAPE_MISMATCH', 'config.json', 'error', `${keys} is ${expected}, tensor ${names[0] ?? ''} has ${size}`);
      blamed.add(keys);
      continue;
    }
    for (const [size, names] of found) {
      if (size === expected) continue;
      for (const name of names) {
        if (blamed.has(name)) continue;
        blamed.add(name);
        findings.report('SHAPE_MISMATCH', fileOf(name), 'error', `tensor ${name} has ${size} where ${keys} is ${expected}`);
      }
    }
  }
}
