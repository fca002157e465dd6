// A part of the wasm that doesn't come is the end of its page, so it is asked for again first: a browser
// gives up whatever it loads when its network changes, and people walk out of reach.

const PART = /\/pkg\/[^/?]+\.wasm$/;
const TRIES = 5;
const PAUSE_MS = 200;

/** `fetch` that asks for such a part up to five times, within three seconds. */
export function persistent(fetch, sleep = (ms) => new Promise((wake) => setTimeout(wake, ms))) {
  return async (input, init) => {
    if (!PART.test(String(input?.url ?? input))) return fetch(input, init);
    for (let tries = 1; ; tries++) {
      try {
        const answer = await fetch(input, init);
        // All of it: it may break off in the middle. Parts are small.
        const { status, headers } = answer;
        return new Response(await answer.arrayBuffer(), { status, headers });
      } catch (error) {
        if (tries === TRIES) throw error;
        await sleep(PAUSE_MS * 2 ** (tries - 1));
      }
    }
  };
}
