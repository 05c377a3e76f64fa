/** Scopes of services: a tsyringe child container for each plugin, behind our tokens. */

import 'reflect-metadata';
import { container, type DependencyContainer } from 'tsyringe';
import { TaraError } from '../errors.js';
import { reasonOf } from './reason.js';
import type { Token } from './tokens.js';

/** A service that the host's owner hands to the kernel. */
export interface Service {
  readonly token: Token<unknown>;
  factory(): unknown;
  /** Called once, by the host's stop, after all plugins have stopped; also where nobody used the service. */
  close?(): Promise<void>;
}

/** Names a service for createHost; the factory runs at its first use, once. */
export const service = <T>(token: Token<T>, factory: () => T): Service => ({ token, factory });

/** What the factories that run at this moment are making; shared by all scopes of a host. */
type Trail = string[];

export class Scope {
  private constructor(
    private readonly container: DependencyContainer,
    private readonly owner: string,
    private readonly trail: Trail,
  ) {}

  /** An empty scope, apart from all others in the process. */
  static root(): Scope {
    return new Scope(container.createChildContainer(), 'the kernel', []);
  }

  /** A scope of `owner` that sees this one; this one does not see it. */
  child(owner: string): Scope {
    return new Scope(this.container.createChildContainer(), owner, this.trail);
  }

  /** Registers a service; a second one for the same token is refused with TARA_SERVICE_TWICE. */
  provide<T>(token: Token<T>, factory: () => T): void {
    if (this.container.isRegistered(token.key)) throw new TaraError('TARA_SERVICE_TWICE', { user: this.owner, token: token.name });
    let made: { readonly value: T } | undefined;
    this.container.register(token.key, { useFactory: () => (made ??= { value: this.make(token, factory) }).value });
  }

  /** Whether the token is registered here or in a scope that this one sees. */
  has<T>(token: Token<T>): boolean {
    return this.container.isRegistered(token.key, true);
  }

  /** Whether the token is registered in this very scope. */
  owns<T>(token: Token<T>): boolean {
    return this.container.isRegistered(token.key);
  }

  /** The service; the caller has asked `has` before. */
  get<T>(token: Token<T>): T {
    return this.container.resolve<T>(token.key);
  }

  private make<T>(token: Token<T>, factory: () => T): T {
    const { trail } = this;
    const at = trail.indexOf(token.name);
    if (at !== -1) throw new TaraError('TARA_SERVICE_CYCLE', { token: token.name, cycle: [...trail.slice(at), token.name].join(' -> ') });
    trail.push(token.name);
    try {
      return factory();
    } catch (thrown) {
      if (thrown instanceof TaraError) throw thrown;
      throw new TaraError('TARA_SERVICE_FAILED', { token: token.name, plugin: this.owner, reason: reasonOf(thrown) }, { cause: thrown });
    } finally {
      trail.pop();
    }
  }
}
