// An offer to attach the page whose address has been pasted into the message input; the address stays there.
const ADDRESS = /^https?:\/\/[^\s<>"']{3,1990}$/i;

const hostOf = (address) => { try { return new URL(address).hostname; } catch { return ""; } };

const offerPage = (tray, text) => {
  const address = text.trim();
  if (!tray?.data.fetchesPages || !ADDRESS.test(address) || !hostOf(address)) return;
  tray.offer = { address, slot: tray.data.slot };
  draw(tray);
};

const endOffer = (tray) => { tray.offer = null; };

const drawOffer = (tray) => {
  const { offer, data: { texts, slot } } = tray, shown = tray.root.querySelector(".antler-page-offer");
  if (!offer || offer.slot !== slot) {
    endOffer(tray);
    return shown?.remove();
  }
  if (shown?.dataset.address === offer.address) return undefined;
  shown?.remove();
  const line = create("div", "antler-page-offer"), words = create("p", "", texts.offer_page.replace("{host}", hostOf(offer.address)));
  line.dataset.address = offer.address;
  words.setAttribute("role", "status");
  const close = (isWanted) => {
    endOffer(tray);
    if (isWanted) tray.trigger("page", [offer.address]);
    draw(tray);
    focusInput();
  };
  const attach = createButton("antler-page-attach", texts.attach_page, texts.attach_page, () => close(true));
  line.append(words, attach, createButton("antler-chip-button", texts.dismiss_page, createIcon("close"), () => close(false)));
  tray.root.append(line);
  return undefined;
};
