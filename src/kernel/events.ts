/** The event bus: listeners are told in turn; what they throw is logged and stops nobody. */

import type { EventBus, EventName, Events, LogSink } from './plugin.js';
import { createLogger } from './log.js';
import { reasonOf } from './reason.js';

interface Listener {
  readonly owner: string;
  call(payload: unknown): void;
}

export class Bus {
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(private readonly sink: LogSink | undefined) {}

  emit<Name extends EventName>(name: Name, payload: Events[Name]): void {
    for (const listener of [...(this.listeners.get(name) ?? [])]) {
      try {
        listener.call(payload);
      } catch (thrown) {
        createLogger(listener.owner, this.sink).error(`listener of ${name} failed: ${reasonOf(thrown)}`);
      }
    }
  }

  /** The bus as `owner` sees it. */
  face(owner: string): EventBus {
    return {
      emit: (name, payload) => this.emit(name, payload),
      on: (name, call) => {
        const listener: Listener = { owner, call: (payload) => call(payload as Parameters<typeof call>[0]) };
        const set = this.listeners.get(name) ?? new Set<Listener>();
        this.listeners.set(name, set.add(listener));
        return () => void set.delete(listener);
      },
    };
  }

  /** Ends all listeners of `owner`. */
  drop(owner: string): void {
    for (const set of this.listeners.values()) {
      for (const listener of set) if (listener.owner === owner) set.delete(listener);
    }
  }
}
