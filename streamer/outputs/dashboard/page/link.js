// Websocket to the dashboard process; connects again as long as the page is open.

const FIRST_DELAY = 500;
const MAX_DELAY = 5000; // milliseconds
const MAX_REFUSED = 3; // failed attempts in a row before the page checks whether to sign in
const TRY_AGAIN_LATER = 1013; // close code

export class Link {
  /** @param {string} path of the websocket */
  constructor(path) {
    this.url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
    this.onhello = this.onnews = this.onstate = () => {};
    this.delay = FIRST_DELAY;
    this.refused = 0;
  }

  open() {
    const socket = (this.socket = new WebSocket(this.url));
    socket.onmessage = ({ data }) => {
      const content = JSON.parse(data);
      if (content.hello) {
        this.delay = FIRST_DELAY;
        this.refused = 0;
        this.onhello(content.hello);
        this.onstate(true, "connected");
      } else {
        this.onnews(content);
      }
    };
    socket.onclose = ({ code }) => {
      this.onstate(false, code === TRY_AGAIN_LATER ? "too many viewers; waiting" : "not connected; trying again");
      this.refused += 1;
      setTimeout(() => this.reopen(), this.delay * (0.75 + Math.random() / 2));
      this.delay = Math.min(MAX_DELAY, this.delay * 2);
    };
  }

  /** Opens it again; after repeated refusals reloads a page that needs a sign-in or is gone. */
  async reopen() {
    if (this.refused >= MAX_REFUSED) {
      const answer = await fetch(location.pathname).catch(() => null);
      if (answer?.redirected || answer?.status === 404) location.reload();
    }
    this.open();
  }

  /** Sends an object as JSON; returns whether there is a connection. */
  send(content) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(content));
    return true;
  }
}
