/** --tensor-type: types of single tensors in place of the preset's, as llama-quantize takes them. */
import type { Command } from 'commander';
import type { TensorTypePattern } from '../convert/index.js';
import { TaraError } from '../errors.js';
import type { CoreContext } from './context.js';
import { collect, listOption } from './options.js';

export const addTensorTypes = (command: Command): Command =>
  command.option('--tensor-type <regex=type>', 'ggml type of the tensors whose names the pattern matches, such as attn_v=q8_0; may be repeated, the first that matches counts', collect);

/** Throws TARA_OPTION_INVALID for what is no PATTERN=TYPE. */
export const tensorTypes = ({ options }: CoreContext): TensorTypePattern[] => listOption(options, 'tensorType').map((text) => {
  const [, pattern, type] = /^(.+)=([^=]+)$/s.exec(text) ?? [];
  if (pattern === undefined || type === undefined) {
    throw new TaraError('TARA_OPTION_INVALID', { option: '--tensor-type', reason: `${JSON.stringify(text.slice(0, 80))} is no PATTERN=TYPE such as attn_v=q8_0` });
  }
  return { pattern, type: type.trim() };
});
