// Runs beside the page: passes on what the microphone hears.
registerProcessor("samples", class extends AudioWorkletProcessor {
  process(inputs) {
    if (inputs[0].length) this.port.postMessage(inputs[0][0].slice());
    return true;
  }
});
