/** Version of the kernel's contract; a plugin's `kernel` range is checked against it. Equals the package's version. */
export const KERNEL_VERSION = '0.1.0';

/** Generation of the plugin contract: what `apiVersion` of a plugin must be. */
export const PLUGIN_API_VERSION = 1;
