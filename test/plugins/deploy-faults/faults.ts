/** Counts every change of a file that this process makes through node:fs/promises, and makes one of them go wrong. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { truncateSync } from 'node:fs';
import fsp, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

export interface Fault {
  /** The change at which it happens, counted from 1. */
  readonly at: number;
  /** `stop`: neither this change nor anything after it happens; `kill`: the process ends; else the change fails with this code. */
  readonly how: string;
  /** With `stop` and `kill`: what was not synced is lost, as when the power fails. */
  readonly power?: boolean;
}

/** One run of a command; what it started and left behind stays dead when the next run has begun. */
interface Run {
  readonly fault: Fault | undefined;
  changes: number;
  dead: boolean;
  stopped(): void;
  /** Files with bytes that were not synced, by handle. */
  readonly dirty: Map<object, string>;
}

const runs = new AsyncLocalStorage<Run>();
const never = new Promise<never>(() => undefined);

/** Counts a change; undefined lets it happen. */
function step(): Promise<never> | undefined {
  const run = runs.getStore();
  if (run === undefined) return undefined;
  if (run.dead) return never;
  run.changes += 1;
  if (run.fault === undefined || run.changes !== run.fault.at) return undefined;
  const { how, power } = run.fault;
  if (how !== 'stop' && how !== 'kill') throw Object.assign(new Error(how), { code: how });
  if (power) for (const path of run.dirty.values()) truncateSync(path, 0);
  if (how === 'kill') {
    process.kill(process.pid, 'SIGKILL');
    // The signal ends this thread before it can do anything else.
    for (;;);
  }
  run.dead = true;
  run.stopped();
  return never;
}

type AnyFunction = (...args: unknown[]) => Promise<unknown>;

/** Wraps the functions that change files; once in a process. */
export async function watchChanges(): Promise<void> {
  const handle = await fsp.open(process.execPath, 'r');
  const proto = Object.getPrototypeOf(handle) as Record<string, AnyFunction>;
  await handle.close();
  const paths = new WeakMap<object, string>();
  const functions = fsp as unknown as Record<string, AnyFunction>;
  const open = functions.open as AnyFunction;
  functions.open = async (path, flags, ...rest) => {
    const writes = typeof flags === 'string' ? flags !== 'r' : ((flags as number) & 3) !== 0;
    if (writes) await step();
    const opened = await open(path, flags, ...rest) as FileHandle;
    if (writes) paths.set(opened, String(path));
    return opened;
  };
  for (const name of ['write', 'writeFile', 'chmod', 'sync']) {
    const original = proto[name] as AnyFunction;
    proto[name] = async function (this: object, ...args) {
      await step();
      const path = paths.get(this);
      if (path !== undefined && name === 'sync') runs.getStore()?.dirty.delete(this);
      if (path !== undefined && name.startsWith('write')) runs.getStore()?.dirty.set(this, path);
      return original.apply(this, args);
    };
  }
  for (const name of ['rename', 'rm', 'link', 'symlink', 'copyFile', 'mkdir']) {
    const original = functions[name] as AnyFunction;
    functions[name] = async (...args) => {
      await step();
      const done = await original(...args);
      const dirty = runs.getStore()?.dirty;
      if (name === 'rename') for (const [key, path] of dirty ?? []) if (path === args[0]) dirty?.set(key, String(args[1]));
      return done;
    };
  }
  syncBuiltinESMExports();
}

/** Runs `work` with a fault; how many changes there were, whether it was stopped, and the code it failed with. */
export async function withFault(fault: Fault | undefined, work: () => Promise<unknown>): Promise<{ changes: number; stopped: boolean; code: string | undefined }> {
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => { stop = resolve; }).then(() => ({ stopped: true, code: undefined }));
  const run: Run = { fault, changes: 0, dead: false, stopped: stop, dirty: new Map() };
  const ended = runs.run(run, () => work().then(() => undefined, (thrown: unknown) => (thrown as { code?: string }).code ?? String(thrown)).then((code) => ({ stopped: false, code })));
  return { ...await Promise.race([ended, stopped]), changes: run.changes };
}
