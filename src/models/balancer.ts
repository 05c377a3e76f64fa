/**
 * Which replica of a model answers: of two taken at random, the less loaded one (Mitzenmacher, "The power of two choices", 2001).
 * One that failed several times within a while rests; when nothing else is left, the last resort is asked.
 */
import { asTaraError, TaraError, type ErrorCode } from '../errors.js';
import type { Lease } from './store.js';

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

export interface Balancer {
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

  return {
    async run(replicas, work, signal) {
      let last = new TaraError('TARA_NO_REPLICA');
      for (const replica of order(replicas)) {
        const state = stateOf(replica);
        state.active += 1;
        try {
          using lease = await replica.acquire(signal);
          const answer = await work(lease, replica.id);
          state.answered += 1;
          return answer;
        } catch (thrown) {
          last = asTaraError(thrown);
          if (OF_THE_REQUEST.has(last.code)) throw last;
          fail(state);
        } finally {
          state.active -= 1;
        }
      }
      throw last;
    },
    states: () => [...states].map(([id, { active, answered, failed, restsUntil }]) => ({ id, active, answered, failed, resting: restsUntil > now() })),
  };
}
