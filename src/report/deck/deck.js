(() => {
  const slides = [...document.querySelectorAll('.slide')];
  const steps = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, ' ': 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };
  const nearest = () => {
    const middle = ({ top, bottom }) => Math.abs(top + bottom - innerHeight);
    const away = slides.map((slide) => middle(slide.getBoundingClientRect()));
    return away.indexOf(Math.min(...away));
  };
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || innerWidth < 768) return;
    const step = event.key === ' ' && event.shiftKey ? -1 : steps[event.key];
    const ends = { Home: 0, End: slides.length - 1 };
    const to = event.key in ends ? ends[event.key] : step && nearest() + step;
    if (to === undefined) return;
    event.preventDefault();
    slides[Math.max(0, Math.min(slides.length - 1, to))].scrollIntoView({ block: 'center' });
  });
})();
