/** Modules of architectures that this process's plugins contribute; a conversion that names none of its own knows these. */

const modules = new Set<string>();

export function contributeArchitectures(urls: readonly string[]): void {
  for (const url of urls) modules.add(url);
}

export const contributedArchitectures = (): readonly string[] => [...modules];

/** `input` with the contributed architectures where it names none. */
export const withContributed = <Input extends { readonly architectures?: readonly string[] | undefined }>(input: Input): Input =>
  input.architectures === undefined ? { ...input, architectures: contributedArchitectures() } : input;
