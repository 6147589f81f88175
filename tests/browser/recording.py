"""Record video and audio in the browser, for tests of players."""

from __future__ import annotations

RECORD = """async (kind) => {
    const stream = new MediaStream();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [320, 180];
    const paint = canvas.getContext("2d");
    const painting = setInterval(() => {
        paint.fillStyle = `hsl(${Date.now() % 360} 80% 50%)`;
        paint.fillRect(0, 0, 320, 180);
    }, 30);
    const sound = new AudioContext();
    const tone = sound.createOscillator();
    const out = sound.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    const source = kind === "video" ? canvas.captureStream(25) : out.stream;
    const recorder = new MediaRecorder(source, { mimeType: `${kind}/webm` });
    const chunks = [];
    recorder.ondataavailable = (event) => chunks.push(event.data);
    recorder.start();
    await new Promise((done) => setTimeout(done, 1500));
    const stopped = new Promise((done) => (recorder.onstop = done));
    recorder.stop();
    await stopped;
    clearInterval(painting);
    await sound.close();
    const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""
"""Script: record 1.5 s of a changing colour ("video") or of a tone ("audio"), and return the file in base64."""
