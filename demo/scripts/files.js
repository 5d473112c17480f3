// A file that is pasted anywhere or dropped beside its box is taken; a browser would open a dropped
// one in place of the page, and with it lose the patient.
const IMAGE = /\.(jpe?g|png|webp|bmp|tiff?|gif)$/i;
const seen = element => element?.offsetParent;

function inputFor(files) {
  const batch = document.querySelector('#batch-images');
  if (seen(batch)) return batch.querySelector('input[type=file]');
  if (!seen(document.querySelector('#image'))) document.querySelector('[role=tab]').click();
  const [first] = files;
  const isImage = first.type.startsWith('image/') || IMAGE.test(first.name);
  return document.querySelector(`${isImage ? '#image' : ':has(> #dicom) >'} input[type=file]`);
}

function take(files, event) {
  const input = files?.length && inputFor(files);
  if (!input) return;
  event.preventDefault();
  const given = new DataTransfer();
  for (const file of input.multiple ? files : [...files].slice(0, 1)) given.items.add(file);
  input.files = given.files;
  input.dispatchEvent(new Event('change', {bubbles: true}));
}

const carriesFiles = event => [...(event.dataTransfer?.types ?? [])].includes('Files');

document.addEventListener('dragover', event => carriesFiles(event) && event.preventDefault());
document.addEventListener('drop', event => {
  if (!carriesFiles(event) || event.defaultPrevented) return;
  event.preventDefault();
  take(event.dataTransfer.files, event);
});
document.addEventListener('paste', event => {
  if (!event.defaultPrevented) take(event.clipboardData?.files, event);
});
