/** emotion history | export | erase | policy | counts | train: what is kept of users, what happens in a crisis, a model of your own. */

import { TaraError, type CommandContext, type CommandModule, type CommandResult } from 'tara-gguf/plugin';
import { pluginDatabases } from 'tara-gguf';
import type { EmotionConfig } from '../config.js';
import { policyOf, renderPolicy } from '../crisis/policy.js';
import { stateOf } from '../history/state.js';
import { EmotionStore } from '../history/store.js';
import { trainOwn } from '../training/own-model.js';

const HOUR = 3_600_000;

type Action = (context: CommandContext) => Promise<CommandResult>;

function userOf({ options }: CommandContext): string {
  if (typeof options.user !== 'string') throw new TaraError('TARA_USAGE', { reason: "missing option '--user ID'" });
  return options.user;
}

async function withStore<T>(context: CommandContext, access: 'read' | 'write', work: (store: EmotionStore) => T): Promise<T> {
  const store = await EmotionStore.open(context.use(pluginDatabases), access);
  try {
    return work(store);
  } finally {
    store.close();
  }
}

const history: Action = async (context) => {
  const user = userOf(context);
  const { history: { halfLifeHours } } = context.config as EmotionConfig;
  const moments = await withStore(context, 'read', (store) => store.moments(user));
  const state = stateOf(moments, Date.now(), halfLifeHours * HOUR);
  const lines = moments.slice(-10).map(({ at, dominant, intensity, valence }) => `  ${new Date(at).toISOString()}  ${dominant.padEnd(12)} intensity ${intensity.toFixed(2)}  valence ${valence.toFixed(2)}`);
  const head = moments.length === 0 ? `nothing is kept of ${user}` : `${user}: ${state.messages} messages, valence ${state.valence.toFixed(2)}, stability ${state.stability.toFixed(2)}, trend ${state.trend.toFixed(2)} a day`;
  return { json: { user, ...state }, text: [head, ...lines].join('\n') };
};

const exportAll: Action = async (context) => {
  const user = userOf(context);
  const moments = await withStore(context, 'read', (store) => store.moments(user));
  const json = { user, moments: moments.map(({ at, ...rest }) => ({ at: new Date(at).toISOString(), ...rest })) };
  return { json, text: JSON.stringify(json, null, 2) };
};

const erase: Action = async (context) => {
  const user = userOf(context);
  const dryRun = context.options.dryRun === true;
  const erased = dryRun ? (await withStore(context, 'read', (store) => store.moments(user))).length : await withStore(context, 'write', (store) => store.erase(user));
  return { json: { user, erased, dryRun }, text: `${dryRun ? 'would erase' : 'erased'} ${erased} messages' numbers of ${user}` };
};

const policy: Action = (context) => {
  const json = policyOf(context.config as EmotionConfig);
  return Promise.resolve({ json, text: renderPolicy(json) });
};

const counts: Action = async (context) => {
  const rows = await withStore(context, 'read', (store) => store.counts());
  return { json: { counts: rows }, text: rows.length === 0 ? 'no crisis was noticed' : rows.map(({ day, source, level, reason, count }) => `${day}  ${source.padEnd(8)} ${level.padEnd(8)} ${reason.padEnd(24)} ${count}`).join('\n') };
};

const ACTIONS: Readonly<Record<string, Action>> = { history, export: exportAll, erase, policy, counts, train: trainOwn };

const command: CommandModule = {
  describe(cli) {
    cli
      .argument('<action>', Object.keys(ACTIONS).join(', '))
      .option('--user <id>', 'history, export, erase: whose')
      .option('--data <tsv>', 'train: text, TAB, comma-separated emotions a line; may be repeated', (value: string, before: string[] = []) => [...before, value])
      .option('--output <dir>', 'train: folder of the new model, for `weights` of the configuration')
      .option('--embedding-model <gguf>', 'train: also trains a head over its sentence vectors')
      .option('--dry-run', 'erase, train: check and say what would be done; write nothing')
      .addHelpText('after', '\nExamples:\n  tara-gguf emotion history --user ann\n  tara-gguf emotion export --user ann --json\n  tara-gguf emotion erase --user ann\n  tara-gguf emotion policy\n  tara-gguf emotion counts\n  tara-gguf emotion train --data my.tsv --output ./my-emotions');
  },
  run(context) {
    const [name = ''] = context.args;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined) throw new TaraError('TARA_USAGE', { reason: `unknown action ${JSON.stringify(name.slice(0, 40))}; one of ${Object.keys(ACTIONS).join(', ')}` });
    return action(context);
  },
};

export default command;
