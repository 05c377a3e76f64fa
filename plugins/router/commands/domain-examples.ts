/** domain-examples add|list|remove: the example utterances that a user gave of domains. No retraining: the next message is routed by them. */

import { readFile } from 'node:fs/promises';
import { readError, stateFolder, TaraError, type CommandContext, type CommandModule, type CommandResult } from 'tara-gguf/plugin';
import type { RouterConfig } from '../config.js';
import { domainName, EXAMPLE_LIMIT, ownDomainsPath, readOwnDomains, writeOwnDomains, type OwnDomains } from '../state/own-domains.js';
import { knownDomains } from '../table/tables.js';

const ACTIONS = ['add', 'list', 'remove'] as const;

/** Utterances of the arguments and of --file, one a line; each once. */
async function givenTexts({ options }: CommandContext, texts: readonly string[]): Promise<string[]> {
  const path = typeof options.file === 'string' ? options.file : undefined;
  const lines = path === undefined ? [] : (await readFile(path, 'utf8').catch((thrown: unknown) => { throw readError(path, thrown); })).split('\n');
  const all = [...texts, ...lines].map((text) => text.toWellFormed().trim()).filter((text) => text !== '');
  const long = all.find(({ length }) => length > EXAMPLE_LIMIT);
  if (long !== undefined) throw new TaraError('TARA_OPTION_INVALID', { option: 'example', reason: `longer than ${EXAMPLE_LIMIT} characters: ${long.slice(0, 40)}…` });
  return [...new Set(all)];
}

function added(own: OwnDomains, name: string, texts: readonly string[], description: string | undefined): OwnDomains {
  const before = Object.hasOwn(own, name) ? own[name] : undefined;
  const about = description ?? before?.description;
  return { ...own, [name]: { ...(about !== undefined && { description: about }), examples: [...new Set([...(before?.examples ?? []), ...texts])] } };
}

/** Without texts the whole domain goes. */
function removed(own: OwnDomains, name: string, texts: readonly string[]): OwnDomains {
  const { [name]: before, ...rest } = own;
  if (before === undefined || texts.length === 0) return rest;
  const gone = new Set(texts);
  return { ...rest, [name]: { ...before, examples: before.examples.filter((text) => !gone.has(text)) } };
}

const command: CommandModule = {
  describe(cli) {
    cli
      .argument('<action>', ACTIONS.join(', '))
      .argument('[domain]', 'the domain; a new name makes a new domain')
      .argument('[example...]', 'utterances as its users write them')
      .option('--file <file>', 'utterances, one a line')
      .option('--description <text>', 'what the domain is about')
      .option('--dry-run', 'say what would change')
      .addHelpText('after', '\nExamples:\n  tara-gguf domain-examples add cooking "How long do I boil an egg?" "What goes with leeks?"\n  tara-gguf domain-examples add cooking --file utterances.txt --description "recipes and kitchens"\n  tara-gguf domain-examples list\n  tara-gguf domain-examples remove cooking');
  },
  async run(context): Promise<CommandResult> {
    const [action, name, ...rest] = context.args;
    const path = ownDomainsPath(context.use(stateFolder).path);
    const own = await readOwnDomains(path);
    const known = knownDomains(context.config as RouterConfig, own);
    if (action === 'list') {
      if (name !== undefined && !known.has(name)) throw new TaraError('TARA_OPTION_INVALID', { option: 'domain', reason: `there is no ${name}; one of: ${[...known.keys()].join(', ')}` });
      const shown = [...known.values()].filter((domain) => name === undefined || domain.name === name).map((domain) => ({ name: domain.name, description: domain.description, examples: domain.examples, own: Object.hasOwn(own, domain.name) ? (own[domain.name]?.examples.length ?? 0) : 0 }));
      const text = shown.map((domain) => (name === undefined ? `${domain.name.padEnd(16)} ${String(domain.examples.length).padStart(5)} examples, ${domain.own} of yours  ${domain.description}`.trimEnd() : domain.examples.join('\n'))).join('\n');
      return { json: { domains: shown }, text };
    }
    if (action !== 'add' && action !== 'remove') throw new TaraError('TARA_USAGE', { reason: `domain-examples takes one of: ${ACTIONS.join(', ')}` });
    const checked = domainName.safeParse(name);
    if (!checked.success || checked.data === 'none') throw new TaraError('TARA_OPTION_INVALID', { option: 'domain', reason: checked.success ? '`none` is the answer for no domain' : (checked.error.issues[0]?.message ?? 'not a name') });
    const domain = checked.data;
    const texts = await givenTexts(context, rest);
    const description = typeof context.options.description === 'string' ? context.options.description : undefined;
    if (action === 'add' && texts.length === 0) throw new TaraError('TARA_USAGE', { reason: 'give examples, or --file FILE' });
    if (action === 'remove' && !Object.hasOwn(own, domain)) throw new TaraError('TARA_OPTION_INVALID', { option: 'domain', reason: `you added nothing to ${domain}` });
    const next = action === 'add' ? added(own, domain, texts, description) : removed(own, domain, texts);
    if (context.options.dryRun !== true) await writeOwnDomains(path, next);
    const count = Object.hasOwn(next, domain) ? (next[domain]?.examples.length ?? 0) : 0;
    const few = action === 'add' && !known.has(domain) && count < 10 ? '; 10 or more make it reliable' : '';
    return { json: { domain, examples: count, path, written: context.options.dryRun !== true }, text: `${domain}: ${count} ${count === 1 ? 'example' : 'examples'} of yours${few}${context.options.dryRun === true ? ' (nothing written)' : ''}` };
  },
};

export default command;
