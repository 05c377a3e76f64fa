/** inspect: what is in a GGUF, safetensors or adapter file, from its header alone. */
import { inspect, type Inspection } from '../../formats/index.js';
import type { CoreCommand } from '../context.js';
import { formatBytes, printable } from '../format.js';
import { argument, examples, flagOption } from '../options.js';
import { facts, table } from '../table.js';

function summary(found: Inspection): readonly (readonly [string, string])[] {
  switch (found.kind) {
    case 'gguf':
      return [
        ['GGUF file', found.path],
        ['size', formatBytes(found.bytes)],
        ['parameters', found.parameters.toLocaleString('en')],
        ['bits per weight', found.bitsPerWeight.toFixed(2)],
        ['tensor types', Object.entries(found.types).map(([type, count]) => `${count} x ${type}`).join(', ')],
      ];
    case 'safetensors':
      return [['safetensors file', found.path], ['size', formatBytes(found.bytes)], ['tensors', String(found.tensors.length)]];
    case 'hf-model':
      return [
        ['checkpoint', found.path],
        ['architecture', printable(JSON.stringify(found.config['architectures'] ?? null))],
        ['size', `${formatBytes(found.bytes)} in ${found.shards} files`],
        ['tensors', String(found.tensors.length)],
      ];
    case 'peft-adapter':
      return [['adapter', found.path], ['base', printable(found.config.baseModel ?? '(not named)')], ['rank', String(found.config.r)], ['modules', String(found.modules.length)]];
  }
}

const command: CoreCommand = {
  describe(command) {
    command
      .argument('<path>', 'GGUF or safetensors file, checkpoint or adapter folder')
      .option('--tensors', 'list every tensor')
      .addHelpText('after', examples('inspect model.gguf', 'inspect model.gguf --tensors', 'inspect ./adapters/healthcare --json'));
  },
  async run(context) {
    const found = await inspect(context.path(argument(context.args, 0, 'path')));
    const parts = [facts(summary(found))];
    if (found.kind === 'gguf') {
      parts.push(facts(found.metadata.map(({ key, value }) => [key, printable(typeof value === 'string' ? value.slice(0, 120) : JSON.stringify(value))] as const)));
    }
    if (flagOption(context.options, 'tensors') && found.kind !== 'peft-adapter') {
      parts.push(table([
        { title: 'TENSOR', value: ({ name }) => printable(name) },
        { title: 'SHAPE', value: ({ shape }) => shape.join(' x ') },
        { title: 'TYPE', value: ({ type }) => type },
        { title: 'SIZE', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
      ], found.tensors));
    }
    return { json: found, text: parts.join('\n\n') };
  },
};

export default command;
