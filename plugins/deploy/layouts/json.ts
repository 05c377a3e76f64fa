/** Changes values in a JSON file by edits of its text: other keys, their order, numbers as they were written and comments stay. */
import { isDeepStrictEqual } from 'node:util';
import { applyEdits, findNodeAtLocation, getNodeValue, modify, parseTree, type JSONPath, type Node } from 'jsonc-parser';
import { TaraError } from 'tara-gguf/plugin';

export interface JsonChange {
  readonly path: JSONPath;
  readonly value: unknown;
}

/** As the text is indented; two blanks where it does not show. */
function formatting(text: string): { insertSpaces: boolean; tabSize: number; eol: string } {
  const [, indent = '  '] = /\n([ \t]+)\S/.exec(text) ?? [];
  return { insertSpaces: !indent.startsWith('\t'), tabSize: indent.startsWith('\t') ? 1 : indent.length, eol: text.includes('\r\n') ? '\r\n' : '\n' };
}

function needObject(text: string, file: string): Node {
  const errors: { error: number; offset: number; length: number }[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  if (tree?.type !== 'object' || errors.length > 0) throw new TaraError('TARA_CONFIG_INVALID', { path: file, reason: 'it is no JSON object; nothing was changed' });
  return tree;
}

/** The text with these values set. Throws TARA_CONFIG_INVALID, naming the file. */
export function setJson(before: string | null, file: string, changes: readonly JsonChange[]): string {
  let text = before === null || before.trim() === '' ? '{}\n' : before;
  for (const { path, value } of changes) {
    const known = findNodeAtLocation(needObject(text, file), path);
    if (known !== undefined && isDeepStrictEqual(getNodeValue(known), value)) continue;
    text = applyEdits(text, modify(text, path, value, { formattingOptions: formatting(text) }));
  }
  return text;
}
