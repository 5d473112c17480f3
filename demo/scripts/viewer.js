// Photographs that are zoomed and moved in step: by wheel, pinch, drag, keys and buttons.
// zoom is 1 to MOST; x and y are the middle of what is seen, from 0 to 1 of a photograph.
const MOST = 12, STEP = 1.25, MOVE = 0.1;
let zoom = 1, x = 0.5, y = 0.5;
const touches = new Map();

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const viewer = () => element.querySelector('.viewer');

function draw() {
  const edge = 0.5 / zoom;
  x = clamp(x, edge, 1 - edge);
  y = clamp(y, edge, 1 - edge);
  const box = viewer();
  if (!box) return;
  box.classList.toggle('zoomed', zoom > 1);
  for (const image of box.querySelectorAll('img'))
    image.style.transform = `scale(${zoom}) translate(${50 - 100 * x}%, ${50 - 100 * y}%)`;
}

// Keeps what lies under the pointer (from -0.5 to 0.5 of the frame) where it is.
function zoomTo(wanted, acrossX = 0, acrossY = 0) {
  const before = zoom;
  zoom = clamp(wanted, 1, MOST);
  x += acrossX * (1 / before - 1 / zoom);
  y += acrossY * (1 / before - 1 / zoom);
  draw();
}

function place(frame, point) {
  const box = frame.getBoundingClientRect();
  return [(point.clientX - box.left) / box.width - 0.5, (point.clientY - box.top) / box.height - 0.5];
}

function press(key) {
  const moves = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  if (key === '+' || key === '=') zoomTo(zoom * STEP);
  else if (key === '-') zoomTo(zoom / STEP);
  else if (key === '0') zoomTo(1);
  else if (key in moves && zoom > 1) {
    x += moves[key][0] * MOVE / zoom;
    y += moves[key][1] * MOVE / zoom;
    draw();
  } else return false;
  return true;
}

element.addEventListener('keydown', event => {
  const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
  if (plain && event.target === viewer() && press(event.key)) event.preventDefault();
});
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-key]');
  if (button) press(button.dataset.key);
});

// Without Ctrl, as trackpads send a pinch, the wheel scrolls the page until the viewer has the focus.
element.addEventListener('wheel', event => {
  const frame = event.target.closest('.frame');
  if (!frame || !(event.ctrlKey || document.activeElement === viewer())) return;
  event.preventDefault();
  zoomTo(zoom * Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), ...place(frame, event));
}, {passive: false});

element.addEventListener('dblclick', event => {
  const frame = event.target.closest('.frame');
  if (frame) zoomTo(zoom * 2, ...place(frame, event));
});

element.addEventListener('pointerdown', event => {
  const frame = event.target.closest('.frame');
  if (!frame) return;
  touches.set(event.pointerId, event);
  if (zoom > 1 || touches.size > 1) frame.setPointerCapture(event.pointerId);
});
element.addEventListener('pointermove', event => {
  const before = touches.get(event.pointerId);
  const frame = event.target.closest('.frame');
  if (!before || !frame) return;
  const box = frame.getBoundingClientRect();
  touches.set(event.pointerId, event);
  // Of two fingers each brings half of the way.
  x -= (event.clientX - before.clientX) / box.width / zoom / touches.size;
  y -= (event.clientY - before.clientY) / box.height / zoom / touches.size;
  const other = [...touches.values()].find(touch => touch.pointerId !== event.pointerId);
  const apart = touch => Math.hypot(touch.clientX - other.clientX, touch.clientY - other.clientY);
  if (other && apart(before) > 0) zoomTo(zoom * apart(event) / apart(before), ...place(frame, event));
  else draw();
});
for (const end of ['pointerup', 'pointercancel'])
  element.addEventListener(end, event => touches.delete(event.pointerId));

// Other photographs begin whole; the same ones, with other marks, stay as they are.
const sources = () => [...element.querySelectorAll('img')].map(image => image.src).join();
let shown = sources();
watch('value', () => {
  if (shown !== sources()) zoom = 1;
  shown = sources();
  draw();
});
