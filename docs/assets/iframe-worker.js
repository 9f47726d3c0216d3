// Browsers start no worker from file://, and the search is one. Here its script runs in a hidden
// frame instead, which is spoken to in the same words. Over http nothing is changed.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.append(this.frame)
      const inside = this.frame.contentWindow
      window.addEventListener("message", event => {
        if (event.source !== inside) return
        const message = new MessageEvent("message", { data: event.data })
        this.dispatchEvent(message)
        if (this.onmessage) this.onmessage(message)
      })
      inside.document.open()
      inside.document.write(
        '<script>self.postMessage = data => parent.postMessage(data, "*")<\/script>' +
        `<script src="${new URL(url, location)}"><\/script>`
      )
      inside.document.close()
      this.frame.addEventListener("load", () => this.begin(), { once: true })
    }

    begin() {
      const waiting = this.waiting
      this.waiting = null
      waiting.forEach(data => this.postMessage(data))
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data)
      else this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data, source: window }))
    }

    terminate() {
      this.frame.remove()
    }
  }
  window.Worker = window.IFrameWorker
}
