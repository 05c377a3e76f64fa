/** checklist N: whether a phase's last good build is ready for production, each item by a real check. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { registryAccess, type RegistryAccess } from 'tara-gguf';
import { deployer, emotion, hooks, router, TaraError, writeError, type CommandContext, type CommandModule, type Token } from 'tara-gguf/plugin';
import { builtPhase } from '../build-request.js';
import { CHECKS, runChecks } from '../checklist/index.js';
import { checklistMarkdown } from '../checklist/markdown.js';
import type { CheckInput } from '../checklist/types.js';
import type { DeployConfig } from '../config.js';
import { replaceFile } from '../disk.js';
import { layoutOf, phaseOption, targetOf, textOf } from './options.js';

/** A waiver needs an item that exists, a reason and a name. Throws TARA_OPTION_INVALID, TARA_USAGE. */
function waiverOf(options: CommandContext['options']): { readonly item: string; readonly reason: string; readonly by: string } | undefined {
  const item = textOf(options, 'waive');
  if (item === undefined) return undefined;
  if (!CHECKS.some((check) => check.item === item)) throw new TaraError('TARA_OPTION_INVALID', { option: '--waive', reason: `${JSON.stringify(item.slice(0, 80))} is none of ${CHECKS.map((check) => check.item).join(', ')}` });
  const [reason, by] = [textOf(options, 'reason'), textOf(options, 'by')];
  if (reason === undefined || by === undefined) throw new TaraError('TARA_USAGE', { reason: '--waive needs --reason TEXT and --by NAME' });
  return { item, reason, by };
}

/** Undefined where no plugin provides it: the checks that need it fail and say so. */
function found<T>(use: CommandContext['use'], token: Token<T>): T | undefined {
  try {
    return use(token);
  } catch {
    return undefined;
  }
}

/** Where the phase is deployed already, else where deploy-phase would put it. */
const lastTarget = async (registry: RegistryAccess, phase: number): Promise<string> =>
  registry.with('read', (open) => open.releases.list({ phase }).find(({ status }) => status === 'current')?.target ?? resolve(`deploy/phase-${phase}`));

const command: CommandModule = {
  describe(command) {
    command
      .argument('<phase>', 'number of the phase')
      .argument('[target]', 'folder it is or will be deployed to (default: where it is, else deploy/phase-N)')
      .option('--target <dir>', 'the same')
      .option('--target-layout <name>', 'plain, meetara-services or meetara-core (default: what the target is)')
      .option('--owner <name>', 'who answers for the phase; remembered')
      .option('--waive <item>', 'let this item fail from now on; needs --reason and --by')
      .option('--reason <text>', 'why it is waived')
      .option('--by <name>', 'who waives it')
      .option('--markdown <file>', 'write the checklist with its evidence as Markdown')
      .option('--dry-run', 'check and tell; remember nothing')
      .addHelpText('after', `\nItems: ${CHECKS.map(({ item }) => item).join(', ')}.\nThe exit code is 1 unless every item passed or is waived. deploy-phase --require-checklist asks for the same.\n\nExamples:\n  $ tara-gguf checklist 1 --owner "Ada Lovelace"\n  $ tara-gguf checklist 1 --waive performance-passed --reason "batch use only" --by "Ada Lovelace"\n  $ tara-gguf checklist 1 --markdown checklist.md --json`);
  },
  async run({ args: [number = '', positional], options, config, use, signal, progress }) {
    const phase = phaseOption(number);
    const registry = use(registryAccess);
    const dryRun = options.dryRun === true;
    const [waiver, newOwner] = [waiverOf(options), textOf(options, 'owner')];
    const built = await builtPhase(registry, phase);
    if (!dryRun && (waiver !== undefined || newOwner !== undefined)) {
      await registry.with('write', (open) => {
        if (newOwner !== undefined) open.checklists.setOwner(phase, newOwner);
        if (waiver !== undefined) open.checklists.waive(phase, waiver.item, waiver);
      });
    }
    const known = await registry.with('read', (open) => ({
      phase: open.phases.get(phase), domains: open.domains.list(phase), build: open.builds.get(built.build), owner: newOwner ?? open.checklists.owner(phase),
      waivers: { ...open.checklists.waivers(phase), ...(waiver && { [waiver.item]: { ...waiver, at: new Date().toISOString() } }) },
    }));
    const scratch = await mkdtemp(join(tmpdir(), 'tara-checklist-'));
    const bar = progress('checklist');
    try {
      const input: CheckInput = {
        phase: known.phase, domains: known.domains, build: known.build, owner: known.owner, files: built.files, metadata: built.metadata,
        target: resolve(targetOf(positional, options) ?? await lastTarget(registry, phase)), targetLayout: layoutOf(options), scratch, config: config as DeployConfig,
        hooks: use(hooks), emotion: found(use, emotion), router: found(use, router), deployer: use(deployer), signal,
      };
      const items = await runChecks(input, known.waivers, (index, title) => bar.report(index / CHECKS.length, title));
      const result = { phase, build: built.build, ready: items.every(({ verdict }) => verdict !== 'fail'), owner: known.owner, items };
      const checklist = dryRun ? { ...result, at: new Date().toISOString() } : await registry.with('write', (open) => open.checklists.save(result));
      const markdown = textOf(options, 'markdown');
      if (markdown !== undefined && !dryRun) await replaceFile(resolve(markdown), checklistMarkdown(checklist)).catch((thrown: unknown) => { throw writeError(resolve(markdown), thrown); });
      const lines = items.map(({ item, verdict, finding, waiver: by }) => `  ${verdict.padEnd(6)}  ${item}: ${finding}${by ? ` (waived by ${by.by}: ${by.reason})` : ''}`);
      return { json: checklist, text: [`phase ${phase}, build ${built.build}: ${checklist.ready ? 'ready' : 'not ready'}`, ...lines].join('\n'), exitCode: checklist.ready ? 0 : 1 };
    } finally {
      bar.done();
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

export default command;
