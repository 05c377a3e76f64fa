/**
 * Dashboard: the server's page at /. page/ holds it as a browser gets it, plain modules and styles; what it shows it asks
 * of the endpoints below /api and of /v1/chat/completions. May import nothing of the other rooms.
 */
export { addPage } from './page.js';
