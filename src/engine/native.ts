/** The addon's surface: JSON in, JSON and bytes out, jobs by number. The rooms under native/ say what each kind takes. */

export interface NativeEvent {
  readonly job: number;
  readonly type: 'progress' | 'chunk' | 'done' | 'failed';
  /** JSON. */
  readonly data: string;
  readonly blob?: ArrayBuffer;
}

export interface Binding {
  /** The doorbell's drain, set once for each Node environment. */
  listen(dispatch: (events: readonly NativeEvent[]) => void): void;
  /** Starts a job and returns its number at once. Blobs are copied. */
  start(kind: string, params: string, blobs: readonly Uint8Array[]): number;
  cancel(job: number): void;
  /** Cheap and synchronous. */
  call(kind: string, params: string): string;
}
