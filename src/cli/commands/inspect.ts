/** inspect: what is in a GGUF (here or on a web server), safetensors, checkpoint or adapter, from its header alone. */
import { inspect, isUrl, type InspectedAdapter, type InspectedCheckpoint, type InspectedGguf, type InspectedSafetensors, type Inspection, type Provenance } from '../../formats/index.js';
import type { CoreCommand } from '../context.js';
import { formatBytes, printable } from '../format.js';
import { argument, examples, flagOption } from '../options.js';
import { facts, table } from '../table.js';

type Facts = (readonly [name: string, value: string])[];

/** Longer texts (templates) are cut. */
const MOST_SHOWN = 120;

const shown = (value: unknown): string => printable((typeof value === 'string' ? value : JSON.stringify(value) ?? '').slice(0, MOST_SHOWN));
const typeList = ({ types }: Pick<Inspection, 'types'>): string => Object.entries(types).map(([type, count]) => `${count} x ${type}`).join(', ');
const size = ({ bytes }: { readonly bytes: number }): string => `${formatBytes(bytes)} (${bytes} bytes)`;
const parameters = (found: Inspection): string => found.parameters.toLocaleString('en');

function ggufFacts(found: InspectedGguf): Facts {
  const key = (name: string): Facts => found.metadata.flatMap((entry) => (entry.key === name ? [[name.replace('general.', ''), shown(entry.value)] as const] : []));
  return [
    ['GGUF file', found.path],
    ...key('general.architecture'),
    ...key('general.name'),
    ['size', size(found)],
    ['parameters', parameters(found)],
    ['bits per weight', found.bitsPerWeight.toFixed(2)],
    ['tensor types', typeList(found)],
    ...(found.lora ? [['LoRA adapter', `${found.lora.modules} modules, rank ${[...new Set(found.lora.ranks)].join(' to ') || 'unknown'}, alpha ${found.lora.alpha ?? 'unknown'}`] as const] : []),
  ];
}

const safetensorsFacts = (found: InspectedSafetensors): Facts => [
  ['safetensors file', found.path],
  ['size', size(found)],
  ['parameters', parameters(found)],
  ['tensor types', typeList(found)],
  ...Object.entries(found.metadata).map(([key, value]) => [printable(key.slice(0, MOST_SHOWN)), shown(value)] as const),
];

const checkpointFacts = (found: InspectedCheckpoint): Facts => [
  ['checkpoint', found.path],
  ['architecture', shown(found.config['architectures'] ?? null)],
  ...['_name_or_path', 'transformers_version'].flatMap((key) => (found.config[key] == null ? [] : [[key, shown(found.config[key])] as const])),
  ['size', `${size(found)} in ${found.shards.length} ${found.shards.length === 1 ? 'file' : 'files'}`],
  ['parameters', parameters(found)],
  ['tensor types', typeList(found)],
];

function adapterFacts(found: InspectedAdapter): Facts {
  const { config, modules, saved } = found;
  const ranks = [...new Set(modules.map(({ rank }) => rank))].sort((a, b) => a - b);
  const kinds = [config.useRslora && 'rsLoRA', (config.useDora || modules.some(({ dora }) => dora)) && 'DoRA', config.fanInFanOut && 'fan_in_fan_out'].filter((kind) => kind !== false);
  return [
    ['adapter', found.path],
    ['base', shown(config.baseModel ?? '(not named)')],
    ['kind', ['LoRA', ...kinds].join(', ')],
    ['rank', ranks.join(', ')],
    ['alpha', String(config.loraAlpha)],
    ['modules', `${modules.length} (${shown([...new Set(modules.map(({ name }) => name.split('.').at(-1) ?? name))].join(', '))})`],
    ...(saved.length > 0 ? [['whole tensors', shown(saved.join(', '))] as const] : []),
    ['size', size(found)],
    ['parameters', parameters(found)],
    ['tensor types', typeList(found)],
  ];
}

function summary(found: Inspection): Facts {
  switch (found.kind) {
    case 'gguf': return ggufFacts(found);
    case 'safetensors': return safetensorsFacts(found);
    case 'hf-model': return checkpointFacts(found);
    case 'peft-adapter': return adapterFacts(found);
  }
}

/** What went into the file: one line a source. */
function origin({ tool, phase, layout, merge, base, adapters, others }: Provenance): Facts {
  const hash = (sha256: string | null): string => (sha256 === null ? '' : ` sha256:${sha256}`);
  return [
    ...(tool === null ? [] : [['made by', `tara-gguf ${shown(tool)}`] as const]),
    ...(phase === null ? [] : [['phase', layout === null ? String(phase) : `${phase} (${shown(layout)})`] as const]),
    ...(merge === null ? [] : [['merge', shown(merge)] as const]),
    ...base.map(({ name, sha256 }) => ['base', `${shown(name ?? '')}${hash(sha256)}`.trim()] as const),
    ...adapters.map(({ name, weight, sha256 }) => ['adapter', `${shown(name ?? '')}${weight == null ? '' : ` x ${Number(weight.toPrecision(6))}`}${hash(sha256)}`] as const),
    ...Object.entries(others).map(([key, value]) => [printable(key), shown(value)] as const),
  ];
}

function describe(found: Inspection, tensors: boolean): string {
  const parts = [facts(summary(found))];
  if (found.kind === 'gguf' && found.provenance) parts.push(`provenance\n${facts(origin(found.provenance))}`);
  if (found.kind === 'gguf') parts.push(`metadata\n${facts(found.metadata.map(({ key, type, value }) => [printable(key), shown(type === 'float32' ? Number(Number(value).toPrecision(7)) : value)] as const))}`);
  if (tensors) {
    parts.push(table([
      { title: 'TENSOR', value: ({ name }) => printable(name) },
      { title: 'SHAPE', value: ({ shape }) => shape.join(' x ') },
      { title: 'TYPE', value: ({ type }) => type },
      { title: 'SIZE', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
    ], found.tensors));
  }
  return parts.join('\n\n');
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<path>', 'GGUF or safetensors file, checkpoint or adapter folder, or the http(s) address of a GGUF file')
      .option('--tensors', 'list every tensor')
      .addHelpText('after', examples(
        'inspect model.gguf',
        'inspect model.gguf --tensors',
        'inspect ./adapters/healthcare --json',
        'inspect https://example.org/model.gguf',
      ));
  },
  async run(context) {
    const typed = argument(context.args, 0, 'path');
    const found = await inspect(isUrl(typed) ? typed : context.path(typed), { signal: context.signal });
    return { json: found, text: describe(found, flagOption(context.options, 'tensors')) };
  },
};

export default command;
