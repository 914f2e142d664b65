/** Takes a photo: in the page where the browser lets it use the camera, else with the camera's own app. */

const SIZE = { width: { ideal: 3840 }, height: { ideal: 2160 } };
const QUALITY = 0.95;
const WHY = {
  NotAllowedError: "The camera may not be used. Allow it for this page beside the browser's address, and try again.",
  NotFoundError: "There is no camera. Load a photo instead.",
  NotReadableError: "The camera is in use by another program. Close that, and try again.",
};

export class Camera {
  #dialog;
  #app;
  #came;
  #video = document.createElement("video");
  #said = document.createElement("p");
  #shutter = button("Take photo", "primary");
  #other = button("Other camera");
  #stream = null;
  #facing = "environment";
  #opened = 0;
  #taken = 0;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {HTMLInputElement} app Opens the camera's own app, on phones.
   * @param {(photo: File) => void} came
   */
  constructor(dialog, app, came) {
    [this.#dialog, this.#app, this.#came] = [dialog, app, came];
    const title = Object.assign(document.createElement("h2"), { id: "camera-title", textContent: "Camera" });
    const close = button("Close");
    const row = Object.assign(document.createElement("div"), { className: "row" });
    this.#other.hidden = true; // until it is known that there is one
    this.#said.setAttribute("role", "status");
    Object.assign(this.#video, { muted: true, playsInline: true });
    this.#video.setAttribute("aria-label", "What the camera sees");
    row.append(this.#shutter, this.#other, close);
    dialog.replaceChildren(title, this.#video, this.#said, row);
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => this.#release());
    this.#shutter.addEventListener("click", () => this.#take());
    this.#other.addEventListener("click", () => {
      this.#facing = this.#facing === "environment" ? "user" : "environment";
      this.#start();
    });
    app.addEventListener("change", () => {
      if (app.files.length) came(app.files[0]);
      app.value = "";
    });
    addEventListener("pagehide", () => dialog.close());
  }

  open() {
    // Pages that came without encryption get no camera; a phone's own app works all the same.
    if (!navigator.mediaDevices?.getUserMedia) return this.#app.click();
    this.#dialog.showModal();
    return this.#start();
  }

  async #start() {
    this.#release();
    const opened = this.#opened;
    this.#say("Starting the camera");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: this.#facing, ...SIZE } });
      if (opened !== this.#opened) return stop(stream); // closed, or another camera asked for, in the meantime
      this.#stream = stream;
      for (const track of stream.getTracks()) track.addEventListener("ended", () => this.#lost(stream));
      this.#video.srcObject = stream;
      await this.#video.play();
      this.#shutter.disabled = false;
      this.#say("");
    } catch (error) {
      if (opened !== this.#opened) return;
      this.#release();
      this.#say(WHY[error.name] ?? "The camera cannot be used. Load a photo instead.");
    }
    const devices = await navigator.mediaDevices.enumerateDevices();
    this.#other.hidden = devices.filter(({ kind }) => kind === "videoinput").length < 2;
  }

  async #take() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").drawImage(this.#video, 0, 0);
    this.#dialog.close();
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    this.#taken += 1;
    this.#came(new File([blob], `photo-${this.#taken}.jpg`, { type: blob.type }));
  }

  /** It was unplugged, or taken away by the system. */
  #lost(stream) {
    if (stream !== this.#stream) return;
    this.#release();
    this.#say("The camera is gone. Plug it in and open it again, or load a photo instead.");
  }

  /** Let the camera go: its light goes out. */
  #release() {
    this.#opened += 1;
    this.#shutter.disabled = true;
    this.#video.srcObject = null;
    if (this.#stream) stop(this.#stream);
    this.#stream = null;
  }

  #say(words) {
    this.#said.textContent = words;
  }
}

/** @param {MediaStream} stream */
function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/** @param {string} words @param {string} [className] @returns {HTMLButtonElement} */
function button(words, className = "") {
  return Object.assign(document.createElement("button"), { type: "button", textContent: words, className });
}
