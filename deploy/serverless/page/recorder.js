// The microphone, as it is: what makes speech clearer takes away what animals say.

const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const KINDS = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];

export async function record() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
  const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
  const recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: 192_000 });
  const parts = [];
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  const recording = new Promise((resolve) => {
    recorder.addEventListener("stop", () => {
      stream.getTracks().forEach((track) => track.stop());
      resolve(new Blob(parts, { type: recorder.mimeType }));
    });
  });
  recorder.start();
  return { recording, stop: () => recorder.stop() };
}
