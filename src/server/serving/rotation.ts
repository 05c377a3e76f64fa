/**
 * Which serving answers a new request. When a target gets another release, the new one is opened beside the old, takes
 * all new requests at once, and the old is closed when the last request that began with it has ended.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../../engine/index.js';
import { asTaraError, type TaraError } from '../../errors.js';
import { holdTarget, servedFiles, type Plugins } from '../../models/index.js';
import { DEFAULTS, type ModelOptions } from '../options.js';
import { openServing, type Serving } from './serving.js';

/** The use of a serving by one request, until it is disposed. */
export interface Visit extends Disposable {
  readonly serving: Serving;
}

export interface Rotation {
  readonly current: Serving;
  enter(): Visit;
  /** How often another release was switched to. */
  readonly switches: number;
  /** Looks for another release now; false where nothing changed. */
  check(): Promise<boolean>;
  close(): Promise<void>;
}

export interface RotationEvents {
  onSwitch(serving: Serving): void;
  /** The old release goes on answering. */
  onFailure(error: TaraError): void;
}

interface Turn {
  readonly serving: Serving;
  visits: number;
  leaving: boolean;
}

/** What a deployment replaces by rename: another file is another state. */
const versionOf = (path: string): Promise<string> =>
  stat(join(path, 'current.json')).then(({ ino, mtimeMs, size }) => `${ino}:${mtimeMs}:${size}`, () => '');

export async function openRotation(engine: Engine, plugins: Plugins, options: ModelOptions, events: RotationEvents): Promise<Rotation> {
  const { path, watchMs = DEFAULTS.watchMs } = options;
  const open = async (): Promise<Turn> => {
    // Held before it is read: nothing that was read may be removed.
    const held = await holdTarget(plugins, path);
    try {
      return { serving: await openServing(engine, await servedFiles(plugins, path), options, held), visits: 0, leaving: false };
    } catch (error) {
      await held?.release();
      throw error;
    }
  };

  let version = await versionOf(path);
  let turn = await open();
  let switches = 0;
  let checking: Promise<boolean> | undefined;
  const closing = new Set<Promise<void>>();

  function closeWhenLeft(old: Turn): void {
    if (!old.leaving || old.visits > 0) return;
    const closed = old.serving.close().finally(() => closing.delete(closed));
    closing.add(closed);
    closed.catch((error: unknown) => events.onFailure(asTaraError(error)));
  }

  async function look(): Promise<boolean> {
    const found = await versionOf(path);
    if (found === version || found === '') return false;
    version = found;
    try {
      const old = turn;
      turn = await open();
      switches += 1;
      old.leaving = true;
      closeWhenLeft(old);
      events.onSwitch(turn.serving);
      return true;
    } catch (error) {
      events.onFailure(asTaraError(error));
      return false;
    }
  }
  const check = (): Promise<boolean> => (checking ??= look().finally(() => { checking = undefined; }));
  const timer = version === '' ? undefined : setInterval(() => void check(), watchMs);
  timer?.unref();

  return {
    get current() { return turn.serving; },
    get switches() { return switches; },
    enter() {
      const mine = turn;
      mine.visits += 1;
      let left = false;
      return {
        serving: mine.serving,
        [Symbol.dispose]() {
          if (left) return;
          left = true;
          mine.visits -= 1;
          closeWhenLeft(mine);
        },
      };
    },
    check,
    async close() {
      clearInterval(timer);
      await checking;
      await Promise.all([turn.serving.close(), ...closing]);
    },
  };
}
