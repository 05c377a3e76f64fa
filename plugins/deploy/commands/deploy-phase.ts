/** deploy-phase: puts a phase's last good build into a target and makes it current. */
import { resolve } from 'node:path';
import { registryAccess, type RegistryAccess } from 'tara-gguf';
import { deployer, TaraError, type CommandContext, type CommandModule, type DeployRequest, type ProgressSink } from 'tara-gguf/plugin';
import { builtPhase } from '../build-request.js';
import { followTarget, recordFailure, recordRelease } from '../record.js';
import { collect, keepOf, labelsOf, layoutOf, phaseOption, targetOf, textOf } from './options.js';

/** One bar for each file and stage; a finished one goes. */
function fileBars(progress: CommandContext['progress']): { onFile: NonNullable<DeployRequest['onFile']>; done(): void } {
  const bars = new Map<string, ProgressSink>();
  return {
    onFile(stage, path, fraction) {
      const label = `${stage} ${path}`;
      const bar = bars.get(label) ?? progress(label);
      bars.set(label, bar);
      bar.report(fraction);
      if (fraction >= 1) bar.done();
    },
    done: () => bars.forEach((bar) => bar.done()),
  };
}

/** The last checklist of the build. Throws TARA_CHECKLIST_OPEN unless it is ready. */
async function needChecklist(registry: RegistryAccess, phase: number, build: number): Promise<void> {
  const checklist = await registry.with('read', (open) => open.checklists.last(phase, build));
  if (checklist?.ready === true) return;
  const items = checklist === undefined ? `no checklist was run for build ${build}` : checklist.items.filter(({ verdict }) => verdict === 'fail').map(({ item }) => item).join(', ');
  throw new TaraError('TARA_CHECKLIST_OPEN', { phase, items });
}

const command: CommandModule = {
  describe(command) {
    command
      .argument('<phase>', 'number of the phase')
      .argument('[target]', 'folder to deploy into (default: deploy/phase-N)')
      .option('--target <dir>', 'the same')
      .option('--target-layout <name>', 'plain, meetara-services or meetara-core (default: what the target is)')
      .option('--sign <key>', 'sign the release with this Ed25519 private key (see keys create)')
      .option('--require-checklist', 'refuse unless the build passed its production checklist')
      .option('--label <name=value>', 'a label of the release; can be repeated', collect)
      .option('--keep <n>', 'old releases of each phase to keep (default: 5)')
      .option('--no-smoke-test', 'do not load and ask the models before the switch')
      .option('--dry-run', 'say what would be deployed; write nothing')
      .addHelpText('after', '\nThe target holds releases/ and current.json, which names the releases in use, one of each phase. Without a target it is\ndeploy/phase-N in the working directory.\n\nExamples:\n  $ tara-gguf deploy-phase 1\n  $ tara-gguf deploy-phase 1 /srv/tara --json\n  $ tara-gguf deploy-phase 1 --target ../meetara-core --target-layout meetara-core --sign release.key --require-checklist');
  },
  async run({ args: [number = '', positional], options, use, signal, progress }) {
    const phase = phaseOption(number);
    const target = resolve(targetOf(positional, options) ?? `deploy/phase-${phase}`);
    const registry = use(registryAccess);
    const built = await builtPhase(registry, phase);
    if (options.requireChecklist === true) await needChecklist(registry, phase, built.build);
    const labels = labelsOf(options);
    const signKey = textOf(options, 'sign');
    const request: DeployRequest = {
      phase, target, files: built.files, metadata: built.metadata, labels, targetLayout: layoutOf(options), keep: keepOf(options), smokeTest: options.smokeTest !== false, signal,
      signKey: signKey === undefined ? undefined : resolve(signKey),
      checklist: await registry.with('read', (open) => open.checklists.last(phase, built.build)),
    };
    if (options.dryRun === true) {
      return { json: { phase, target, build: built.build, files: request.files, bytes: built.bytes }, text: `would deploy ${request.files.map(({ path }) => path).join(', ')} into ${target}` };
    }
    const bars = fileBars(progress);
    const release = await use(deployer).deploy({ ...request, onFile: bars.onFile }).catch(async (thrown: unknown) => {
      await recordFailure(registry, phase, target, thrown);
      throw thrown;
    }).finally(bars.done);
    await recordRelease(registry, phase, built.build, release, labels);
    await followTarget(registry, target, await use(deployer).releases(target));
    const bytes = release.files.reduce((sum, file) => sum + file.bytes, 0);
    const { id, path, layout, previous, files, copiedBytes, removed, repaired, smoke, switchMs, seconds } = release;
    const lines = [
      ...repaired.map((what) => `repaired: ${what}`),
      `release ${id} is current in ${target} (${layout})`,
      ...files.map((file) => `  ${file.sha256.slice(0, 12)}  ${file.path} (${file.bytes} bytes)`),
      ...(removed.length === 0 ? [] : [`removed old releases: ${removed.join(', ')}`]),
    ];
    return { json: { release: id, phase, target, path, layout, previous, files, bytes, copiedBytes, labels, signed: signKey !== undefined, removed, repaired, smoke, switchMs, seconds }, text: lines.join('\n') };
  },
};

export default command;
