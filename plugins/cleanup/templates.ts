/** The chat templates of a folder, wherever transformers keeps them. */
import { readFile } from 'node:fs/promises';
import { checkChatTemplate } from 'tara-gguf';
import { fileAt, openable, type Folder } from './folder.js';
import { isObject, readJsonFile } from './json-text.js';

/** A template is smaller. */
const MOST_BYTES = 1 << 20;

/** Templates of a JSON file: one text, or a list of named ones. */
async function inJson(folder: Folder, path: string): Promise<string[]> {
  const entry = fileAt(folder, path);
  const read = entry && await readJsonFile(openable(folder, entry)).catch(() => undefined);
  if (read === undefined || 'fault' in read || !isObject(read.value)) return [];
  const stated = read.value.chat_template;
  const list: unknown[] = Array.isArray(stated) ? stated.map((item: unknown) => (isObject(item) ? item.template : undefined)) : [stated];
  return list.filter((source) => typeof source === 'string');
}

/** Reports what is wrong with each template; a warning, as a model answers without one too. */
export async function checkTemplates(folder: Folder): Promise<void> {
  const report = (path: string, source: string): void => {
    for (const fault of checkChatTemplate(source)) folder.findings.report('CHAT_TEMPLATE', path, 'warning', fault);
  };
  for (const path of ['tokenizer_config.json', 'chat_template.json', 'processor_config.json']) for (const source of await inJson(folder, path)) report(path, source);
  for (const { path } of folder.tree.entries.values()) {
    const entry = /\.jinja2?$/i.test(path) ? fileAt(folder, path) : undefined;
    if (entry !== undefined && entry.bytes <= MOST_BYTES) report(path, await readFile(openable(folder, entry), 'utf8'));
  }
}
