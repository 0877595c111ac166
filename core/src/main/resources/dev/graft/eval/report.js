// Shows the values of the step nearest to the pointer. Without this script the charts and the table say the same.
const tip = document.createElement('div');
tip.id = 'tip';
tip.hidden = true;
document.body.append(tip);

for (const svg of document.querySelectorAll('svg[data-x]')) {
  const places = svg.dataset.x.split(' ').map(Number);
  const texts = svg.dataset.text.split('|');
  const guide = svg.querySelector('.guide');

  svg.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale;
    const nearest = places.reduce((best, place, i) => (Math.abs(places[best] - x) > Math.abs(place - x) ? i : best), 0);
    guide.setAttribute('x1', places[nearest]);
    guide.setAttribute('x2', places[nearest]);
    svg.classList.add('hovered');
    tip.textContent = texts[nearest];
    tip.hidden = false;
    const left = box.left + places[nearest] / scale - tip.offsetWidth / 2;
    tip.style.left = Math.max(8, Math.min(left, window.innerWidth - tip.offsetWidth - 8)) + 'px';
    tip.style.top = Math.max(8, box.top - tip.offsetHeight) + 'px';
  });
  svg.addEventListener('pointerleave', () => {
    svg.classList.remove('hovered');
    tip.hidden = true;
  });
}
