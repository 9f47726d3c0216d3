// The one websocket; it is opened again for as long as the page is there.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 5000; // milliseconds
const NOT_LET_IN = 3; // attempts in a row that never opened, after which signing in may help
const BUSY = 1013;

export class Link {
  /** @param {string} path where the websocket is */
  constructor(path) {
    this.url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
    this.onhello = this.onnews = this.onstate = () => {};
    this.pause = FIRST_PAUSE;
    this.refused = 0;
  }

  open() {
    const socket = (this.socket = new WebSocket(this.url));
    socket.onmessage = ({ data }) => {
      const content = JSON.parse(data);
      if (content.hello) {
        this.pause = FIRST_PAUSE;
        this.refused = 0;
        this.onhello(content.hello);
        this.onstate(true, "connected");
      } else {
        this.onnews(content);
      }
    };
    socket.onclose = ({ code }) => {
      this.onstate(false, code === BUSY ? "too many look already; waiting" : "not connected; trying again");
      this.refused += 1;
      setTimeout(() => this.again(), this.pause * (0.75 + Math.random() / 2));
      this.pause = Math.min(LONGEST_PAUSE, this.pause * 2);
    };
  }

  /** Open it again; where we are not let in, see whether the page itself still is. */
  async again() {
    if (this.refused >= NOT_LET_IN) {
      const answer = await fetch(location.pathname).catch(() => null);
      if (answer?.redirected || answer?.status === 404) location.reload();
    }
    this.open();
  }

  /** Send an object; returns whether there is a connection. */
  send(content) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(content));
    return true;
  }
}
