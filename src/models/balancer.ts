/**
 * Which replica of a model answers: of two taken at random, the less loaded one (Mitzenmacher, "The power of two choices", 2001).
 * One that failed several times within a while rests; when nothing else is left, the last resort is asked.
 */
import { asTaraError, TaraError, type ErrorCode } from '../errors.js';
import type { LoadOptions } from '../engine/index.js';
import type { Lease, ModelStore } from './store.js';

export interface Replica {
  /** Unique among all replicas of a balancer. */
  readonly id: string;
  /** A lease on its model. */
  acquire(signal: AbortSignal | undefined): Promise<Lease>;
}

export interface BalancerOptions {
  /** Failures within `windowMs` that make a replica rest for `restMs`; 3 in a minute, half a minute. */
  readonly failures?: number;
  readonly windowMs?: number;
  readonly restMs?: number;
  /** Asked when all others failed or rest. */
  readonly lastResort?: Replica;
  /** Milliseconds, rising. */
  readonly now?: () => number;
  /** 0..1 */
  readonly random?: () => number;
}

export interface ReplicaState {
  readonly id: string;
  /** Requests that it works on. */
  readonly active: number;
  readonly answered: number;
  readonly failed: number;
  readonly resting: boolean;
}

/** A lease on a replica's model. Who finds that it fails says so before releasing it. */
export interface BalancedLease extends Lease {
  readonly replica: string;
  /** Counts against the replica, unless the error is the request's own. */
  failed(error: unknown): void;
}

export interface Balancer {
  /** A lease on one of the replicas, on the next when that one cannot be had. Rejects as `run` does. */
  acquire(replicas: readonly Replica[], signal?: AbortSignal): Promise<BalancedLease>;
  /** Runs `work` on one of the replicas, and on the next when that one fails. Rejects with the last one's error, or at once with an error that is the request's own. */
  run<T>(replicas: readonly Replica[], work: (lease: Lease, replica: string) => Promise<T>, signal?: AbortSignal): Promise<T>;
  states(): readonly ReplicaState[];
}

interface State {
  active: number;
  answered: number;
  failed: number;
  /** Times of the last failures. */
  recent: number[];
  restsUntil: number;
}

/** Every replica would answer these alike. */
const OF_THE_REQUEST: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['TARA_ABORTED', 'TARA_USAGE', 'TARA_OPTION_INVALID', 'TARA_CONTEXT_FULL', 'TARA_HOOK_FAILED', 'TARA_HOOK_TIMEOUT']);

export function createBalancer({ failures = 3, windowMs = 60_000, restMs = 30_000, lastResort, now = () => performance.now(), random = Math.random }: BalancerOptions = {}): Balancer {
  const states = new Map<string, State>();
  const stateOf = ({ id }: Replica): State => {
    const state = states.get(id) ?? { active: 0, answered: 0, failed: 0, recent: [], restsUntil: 0 };
    states.set(id, state);
    return state;
  };

  /** Two at random, the less loaded one first; then the others, by load. The last resort is the last. */
  function order(replicas: readonly Replica[]): readonly Replica[] {
    const byLoad = (a: Replica, b: Replica) => stateOf(a).active - stateOf(b).active;
    const awake = replicas.filter((replica) => stateOf(replica).restsUntil <= now());
    const [i, j] = [Math.floor(random() * awake.length), Math.floor(random() * (awake.length - 1))];
    const two = new Set([awake[i], awake[j < i ? j : j + 1]].flatMap((replica) => (replica === undefined ? [] : [replica])));
    const ordered = [...[...two].sort(byLoad), ...awake.filter((replica) => !two.has(replica)).sort(byLoad)];
    if (lastResort !== undefined) return [...ordered.filter(({ id }) => id !== lastResort.id), lastResort];
    if (ordered.length > 0) return ordered;
    // All rest and nothing else is there: the one that rests least.
    return [...replicas].sort((a, b) => stateOf(a).restsUntil - stateOf(b).restsUntil).slice(0, 1);
  }

  function fail(state: State): void {
    const time = now();
    state.failed += 1;
    state.recent = [...state.recent.filter((at) => at > time - windowMs), time];
    if (state.recent.length < failures) return;
    state.recent = [];
    state.restsUntil = time + restMs;
  }

  /** Counts as active until it is released; then as answered, unless it failed. */
  async function leaseOf(replica: Replica, signal: AbortSignal | undefined): Promise<BalancedLease> {
    const state = stateOf(replica);
    state.active += 1;
    let [held, blamed] = [true, false];
    const end = () => {
      held = false;
      state.active -= 1;
    };
    const failed = (thrown: unknown) => {
      if (!held || blamed) return;
      blamed = true;
      if (!OF_THE_REQUEST.has(asTaraError(thrown).code)) fail(state);
    };
    try {
      const lease = await replica.acquire(signal);
      const release = () => {
        if (!held) return;
        if (!blamed) state.answered += 1;
        end();
        lease.release();
      };
      return { model: lease.model, identity: lease.identity, replica: replica.id, failed, release, [Symbol.dispose]: release };
    } catch (thrown) {
      failed(thrown);
      end();
      throw thrown;
    }
  }

  async function run<T>(replicas: readonly Replica[], work: (lease: BalancedLease) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    let last = new TaraError('TARA_NO_REPLICA');
    for (const replica of order(replicas)) {
      try {
        return await work(await leaseOf(replica, signal));
      } catch (thrown) {
        last = asTaraError(thrown);
        if (OF_THE_REQUEST.has(last.code)) throw last;
      }
    }
    throw last;
  }

  return {
    acquire: (replicas, signal) => run(replicas, (lease) => Promise.resolve(lease), signal),
    run: (replicas, work, signal) =>
      run(replicas, async (lease) => {
        using held = lease;
        try {
          return await work(held, held.replica);
        } catch (thrown) {
          held.failed(thrown);
          throw thrown;
        }
      }, signal),
    states: () => [...states].map(([id, { active, answered, failed, restsUntil }]) => ({ id, active, answered, failed, resting: restsUntil > now() })),
  };
}

/** Replicas of one model in a store: each loaded by itself, their weights shared. They are named by the model's path and a number. */
export const replicasOf = (store: ModelStore, path: string, count: number, options: LoadOptions = {}): readonly Replica[] =>
  Array.from({ length: count }, (_, replica) => ({ id: `${path}#${replica}`, acquire: (signal) => store.acquire(path, { ...options, replica, ...(signal && { signal }) }) }));
