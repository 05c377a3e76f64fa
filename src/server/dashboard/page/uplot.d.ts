/** The server sends the npm package's own module under this name. */
export { default } from 'uplot';
